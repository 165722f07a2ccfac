"""A run whose evaluator shares a process with its candidates: what is forged there is nowhere called verified."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from gristmill.graph.tasks.loading import task_row
from tests.verifiers.code.scored.test_beside import FORGES, task


def test_a_forged_score_wins_behind_the_flag_and_is_exported_behind_the_flag_as_what_it_is(
    forked_gristmill: str, tmp_path: Path, bubblewrap: str
) -> None:
    def call(*arguments: str, code: int = 0) -> str:
        command = [forked_gristmill, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    (tmp_path / "tasks.jsonl").write_text(json.dumps(task_row(task())) + "\n")
    reply = {"task_id": "square", "round": 0, "text": f"```python\n{FORGES}```"}
    (tmp_path / "replies.jsonl").write_text(json.dumps(reply) + "\n")
    assert "a solution can forge its score" in call("tasks", "check", "tasks.jsonl")
    checked = call("tasks", "check", "tasks.jsonl", "--run-references", "--sandbox", "bubblewrap")
    assert "1 of them as `together`" in checked
    run = ("run", "tasks.jsonl", "--model", "replay:replies.jsonl", "--hypotheses", "1", "--rounds", "1")
    call(*run, "--name", "kept", "--sandbox", "bubblewrap")
    assert "refused" in call("show", "kept", "--task", "square")
    call("winner", "kept", "--out", "kept.py", code=1)
    call(*run, "--name", "taken", "--accept", "together", "--sandbox", "bubblewrap")
    shown = call("show", "taken", "--task", "square")
    assert "passed (together)" in shown
    assert "its score is its own word" in shown
    assert "1 passed (1 as together" in call("show", "taken")
    assert "passed (together)" in call("winner", "taken", "--out", "winner.py")
    evidence = json.loads((tmp_path / "winner.py.json").read_text())
    assert (evidence["strength"], evidence["verified"], evidence["score"]) == ("together", False, 1e9)
    assert "1 as together" in call("export", "taken", "--out", "none.jsonl", code=1)
    call("export", "taken", "--accept", "together", "--out", "rows.jsonl")
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert (row["strength"], row["verified"], row["outcome"]) == ("together", False, "passed")
