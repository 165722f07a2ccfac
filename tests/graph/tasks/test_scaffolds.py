"""Every scaffold runs as it stands: its reference passes in a sandbox, and what `new` says to call next works."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.tasks.scaffolds.laying import KINDS
from gristmill.trainers.cli import app
from tests.pages.session import one_pool


@pytest.fixture(scope="module")
def runner(bubblewrap: str) -> Iterator[asyncio.Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
        with one_pool(patch) as opened:
            yield opened


def call(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output + done.stderr
    return done


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in ("reward", "loss") else ()) for kind in KINDS]
)
def test_what_new_says_to_call_next_works(kind: str, runner: asyncio.Runner, workspace: Path) -> None:
    if kind == "loss":
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
    said = call("new", kind, "a folder").output
    lines = [line.strip() for line in said.splitlines() if line.startswith("  gristmill ")]
    assert (workspace / "a folder" / "task.yaml").read_text().count("# ") >= 5
    check, verify, replay, *others = (shlex.split(line)[1:] for line in lines)

    checked = json.loads(call(*check, "--json").output)
    assert checked["references"] == checked["tasks"]
    assert not checked["wrong"]
    assert not any(checked["warnings"].values())

    call(*verify)
    verdicts = [json.loads(line) for line in (workspace / "a folder" / "verdicts.jsonl").read_text().splitlines()]
    for worse, better in zip(verdicts[::2], verdicts[1::2], strict=True):
        assert worse["score"] < better["score"]
        assert better["outcome"] == "passed"

    summary = json.loads(call(*replay, "--name", "played", "--json").stdout)
    # The program that the score task begins with is a row of its own, and has a score too.
    begun = kind == "score"
    assert summary["outcomes"]["passed"] - begun == sum(each["outcome"] == "passed" for each in verdicts)
    assert bool(others) is (kind == "score")
    for number, other in enumerate(others):
        summary = json.loads(call(*other, "--name", f"searched{number}", "--json").stdout)
        assert summary["outcomes"]["passed"] > 1


def test_nothing_is_overwritten_unasked(workspace: Path) -> None:
    call("new", "code", "mine")
    (workspace / "mine" / "task.yaml").unlink()
    (workspace / "mine" / "replies.jsonl").write_text("of mine\n")
    assert "replies.jsonl exists already" in call("new", "score", "mine", code=2).stderr
    assert (workspace / "mine" / "replies.jsonl").read_text() == "of mine\n"
    assert not (workspace / "mine" / "task.yaml").exists()
    call("new", "score", "mine", "--force")
    assert "knapsack" in (workspace / "mine" / "replies.jsonl").read_text()


def test_what_cannot_be_is_said(workspace: Path) -> None:
    (workspace / "file").write_text("")
    assert "score, code, math, reward, loss" in call("new", "poem", "mine", code=2).stderr
    assert "is no folder" in call("new", "code", "file/inside", code=2).stderr
    assert not (workspace / "mine").exists()
