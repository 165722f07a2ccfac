"""A driven task through the whole loop, as a user goes: checked, run, repaired, exported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.tasks.loading import task_row
from tests.verifiers.code.driven.everyday_files import FOLDER, read

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]


def call(command: str, *arguments: str) -> Any:
    done = subprocess.run([command, *arguments, "--json"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_driven_task_is_solved_and_exported_as_tested(
    workspace: Path, bubblewrap: str, forked_gristmill: str
) -> None:
    """A wrong reply first, whose values nobody is told; then the right one."""
    (task, *_) = read(FOLDER / "sqlite3.yaml")
    (workspace / "tasks.jsonl").write_text(json.dumps(task_row(task.task())) + "\n")
    replies = [(0, next(iter(task.wrong.values()))), (1, task.right)]
    rows = [{"round": number, "text": f"```python\n{source}\n```"} for number, source in replies]
    (workspace / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sandbox = ("--sandbox", "bubblewrap")
    checked = call(forked_gristmill, "tasks", "check", "tasks.jsonl", "--run-references", *sandbox)
    assert (checked["wrong"], checked["warnings"]) == ({}, {})
    run = ("run", "tasks.jsonl", "--name", "night", "--model", "replay:replies.jsonl", "--hypotheses", "1")
    summary = call(forked_gristmill, *run, "--rounds", "2", *sandbox)
    assert (summary["solved"], summary["outcomes"]) == (1, {"failed": 1, "passed": 1})
    exported = call(forked_gristmill, "export", "night", "--format", "sft", "--out", "rows")
    assert exported["rows"] == {"train": 1}
    (row,) = [json.loads(line) for line in (workspace / "rows/data/train.jsonl").read_text("utf-8").splitlines()]
    assert (row["verified"], row["outcome"], row["strength"]) == (True, "passed", "tested")
    assert row["task"] == task.id
    assert [turn["content"] for turn in row["completion"]] == [f"```python\n{task.right.rstrip()}\n```"]
