"""What the pages of runs say, from the store alone."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.graph.config import RunConfig
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own.course import course_page
from gristmill.graph.view.own.population import population_page
from gristmill.graph.view.own.run import run_page
from gristmill.graph.view.registry import Asked
from gristmill.trainers.cli import app
from gristmill.trainers.viewing.comparison import comparison_page
from tests.graph.view.filled import TASKS


def test_a_command_that_a_page_names_finds_the_workspace_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, elsewhere, double = tmp_path / "work", tmp_path / "elsewhere", TASKS[0].id
    elsewhere.mkdir()
    with Store.open(work) as store:
        for name in ("night", "day"):
            store.create_run(name, RunConfig(), TASKS)

        def named(*, public: bool) -> list[str]:
            asked = [Asked("", "night", double, public=public) for _ in range(3)]
            found = [run_page(store, asked[0]), course_page(store, asked[1]), population_page(store, asked[2])]
            return [each.show for each in found if each is not None]

        compared = comparison_page(store, Asked("compare", "", options={"before": "night", "after": "day"}))
        assert compared is not None
        commands = [*named(public=False), compared.command]
        assert [str(work) in each for each in named(public=True)] == [False] * 3
        assert course_page(store, Asked("course", "night", "other")) is None
        assert population_page(store, Asked("population", "noon", double)) is None
    monkeypatch.chdir(elsewhere)
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output)
    assert len(commands) == 4


def test_a_run_is_answered_by_hand_where_it_asks_the_mailbox_whatever_that_is_called(tmp_path: Path) -> None:
    by_hand = RunConfig.model_validate({"models": [{"model": "mailbox", "name": "me"}, "mutate"]})
    with Store.open(tmp_path) as store:
        store.create_run("by-hand", by_hand, TASKS)
        store.create_run("served", RunConfig.of(model="openai:mailbox@http://127.0.0.1:1/v1"), TASKS)
        found = {name: run_page(store, Asked("run", name)) for name in ("by-hand", "served")}
    assert {name: bool(page.answered) for name, page in found.items() if page is not None} == {
        "by-hand": True,
        "served": False,
    }
