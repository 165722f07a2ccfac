"""Tasks whose packages no image here holds: every command says so before anything is spent, with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.sandbox.image.packaged import LacksPackagesError
from gristmill.trainers.cli import app
from gristmill.trainers.rewards import reward_function
from gristmill.verifiers import Task

COMMAND = "gristmill sandbox build --with 'grain>=2,mill-stones'"
NOBODY = "openai:none@http://127.0.0.1:9/v1"  # whoever asks it would not come back with our sentence


@pytest.fixture
def tasks(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(workspace))
    case = {"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 1}]}
    common = {"kind": "code", "prompt": "f(x)", "tests": [case], "reference": "def f(x):\n    return x"}
    rows = [{"id": str(number), "settings": {"packages": ["mill-stones", "grain>=2"]}, **common} for number in range(2)]
    Path("tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reply = {"task_id": "0", "id": "a", "text": "def f(x):\n    return x"}
    Path("replies.jsonl").write_text(json.dumps(reply) + "\n")
    return [json.dumps(row) for row in rows]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "tasks.jsonl", "--model", NOBODY],
        ["eval", "tasks.jsonl", "--model", NOBODY],
        ["verify", "tasks.jsonl", "replies.jsonl", "--out", "out.jsonl"],
        ["attack", "tasks.jsonl"],
        ["improve", "tasks.jsonl", "--name", "x", "--model", NOBODY],
    ],
    ids=lambda words: words[0],
)
def test_nothing_is_begun(tasks: list[str], words: list[str]) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3, done.output
    assert done.output.strip().endswith(COMMAND)
    assert "task '0' and 1 more" in done.output
    assert {path.name for path in Path.cwd().iterdir()} <= {"tasks.jsonl", "replies.jsonl", "gristmill"}


@pytest.mark.parametrize("more", [[], ["--run-references"], ["--json"]])
def test_tasks_check_says_the_same(tasks: list[str], more: list[str]) -> None:
    done = CliRunner().invoke(app, ["tasks", "check", "tasks.jsonl", *more])
    assert done.exit_code == 3
    assert "no mistakes" in done.output or more == ["--json"]
    assert COMMAND in (json.loads(done.output)["lacking"] if more == ["--json"] else done.output)


def test_a_reward_is_not_made_of_them(tasks: list[str]) -> None:
    with pytest.raises(LacksPackagesError, match="sandbox build"):
        reward_function([Task.model_validate_json(row) for row in tasks])


@pytest.mark.parametrize("packages", ["pandas", ["a b"], [3], {"a": 1}, ["a[b]"]])
def test_a_malformed_list_is_a_mistake_in_the_file(tasks: list[str], packages: object) -> None:
    rows = [json.loads(row) | {"settings": {"packages": packages}} for row in tasks]
    Path("tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = CliRunner().invoke(app, ["tasks", "check", "tasks.jsonl"])
    assert done.exit_code == 2
    assert "settings.packages" in done.output


def test_a_name_that_is_not_here_builds_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(workspace))
    for words, said in {"no-such-thing": "pip install --only-binary", "a b": "no name of a package"}.items():
        done = CliRunner().invoke(app, ["sandbox", "build", "--backend", "bubblewrap", "--with", words])
        assert done.exit_code == 2, done.output
        assert said in done.output
    assert not list(workspace.rglob("*.json"))
