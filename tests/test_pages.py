"""Every page is run from its first block to its last, in a workspace of its own, as a reader would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill.verifiers import plugins
from tests.pages.blocks import BLOCKS, HOW, Block
from tests.pages.session import Session, one_pool
from tests.test_docs import PAGES, ROOT

pytestmark = pytest.mark.bubblewrap


def to_run(page: Path) -> list[Block]:
    return [block for block in BLOCKS if block.page == page and (not block.mark or block.file)]


@pytest.fixture(scope="module")
def runner(bubblewrap: str) -> Iterator[asyncio.Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
        patch.setenv("COLUMNS", "200")
        with one_pool(patch) as opened:
            yield opened


@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_says(
    page: Path, runner: asyncio.Runner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "_trusted", False)
    monkeypatch.syspath_prepend(str(workspace))
    with Session(page, workspace, runner) as session:
        for block in to_run(page):
            try:
                session.run(block)
            except Exception as error:
                pytest.fail(f"{block.name} is wrong: {type(error).__name__}: {error}\n{HOW}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gristmill tasks list none.jsonl", "exit code 2"),
        ("head -3 tasks.jsonl", "`head` is not run"),
        ("gristmill graph | cat", "only `> FILE`"),
        ("$ gristmill graph\ngraph XY;", "does not print"),
    ],
)
def test_a_block_that_is_wrong_is_seen(text: str, words: str, runner: asyncio.Runner, workspace: Path) -> None:
    from dataclasses import replace

    block = replace(BLOCKS[0], text=text, language="console", mark="", file="")
    with Session(block.page, workspace, runner) as session, pytest.raises(AssertionError, match=words):
        session.run(block)
