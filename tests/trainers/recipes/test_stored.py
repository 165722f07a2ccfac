"""Pairs of a run: what tools verified stands before what they refuted."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.trainers.recipes.ser.stored import pairs_of_run


def test_verified_replies_of_a_run_are_better_than_refuted_ones(
    workspace: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    cases = [{"args": [n], "expected": 2 * n} for n in (3, -4)]
    tests = [{"type": "cases", "entry_point": "f", "cases": cases}]
    task = {"id": "a", "kind": "code", "prompt": "Write f(n) that doubles n.", "tests": tests}
    (workspace / "t.jsonl").write_text(json.dumps(task) + "\n")
    bodies = ("n", "2 * n", "3 * n", "n + n")
    replies = [{"text": f"```python\ndef f(n): return {body}\n```"} for body in bodies]
    (workspace / "r.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    command = [
        forked_gristmill,
        "run",
        "t.jsonl",
        "--model",
        "replay:r.jsonl",
        "--strategy",
        "best_of",
        "--rounds",
        "1",
    ]
    for name, count in (("some", "4"), ("one", "1")):
        more = ["--name", name, "--hypotheses", count, "--sandbox", "bubblewrap"]
        subprocess.run([*command, *more], capture_output=True, timeout=300, check=False)
    with Store.open(workspace) as store:
        found = pairs_of_run(store, "some")
        with pytest.raises(UserError, match="no task with both"):
            pairs_of_run(store, "one")
    assert {pair.source for pair in found} == {"code"}
    sides = [(pair.text(pair.better or 0), pair.text(1 - (pair.better or 0))) for pair in found]
    assert len(sides) == 2
    for better, worse in sides:
        assert "return 2 * n" in better or "return n + n" in better
        assert "return n\n" in worse or "return 3 * n" in worse
