"""One `gristmill verify` over a file of six kinds gives the verdicts that are known to be right."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.tasks.loading import load_candidates, load_tasks
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.registry import Verifiers, problems

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EXPECTED = {
    "code/median#good": "passed",
    "code/median#integer": "failed",
    "code/median#exits": "error",
    "code/word-count#good": "passed",
    "code/word-count#unsorted": "failed",
    "code/rotate#good": "passed",
    "code/rotate#hangs": "timeout",
    "code/chunks#good": "passed",
    "code/chunks#forgets": "failed",
    "math/surd#good": "passed",
    "math/surd#wrong": "failed",
    "math/surd#restated": "invalid",
    "math/surd#hedged": "invalid",
    "math/quadratic#good": "passed",
    "math/quadratic#half": "failed",
    "math/discount#good": "passed",
    "math/discount#tower": "failed",
    "reward/mountain-car#speed": "passed",
    "reward/mountain-car#native": "failed",
    "reward/mountain-car#one-step": "invalid",
    "reward/mountain-car#counts-calls": "invalid",
    "loss/digits-label-noise#symmetric": "passed",
    "loss/digits-label-noise#cross-entropy": "failed",
    "loss/digits-label-noise#sign-flipped": "failed",
    "loss/digits-label-noise#not-a-scalar": "invalid",
    "loss/digits-label-noise#detached": "invalid",
    "instruction/sea#good": "passed",
    "instruction/sea#comma": "failed",
    "instruction/recipe#good": "passed",
    "instruction/recipe#three": "failed",
    "program/circles_26#good": "passed",
    "program/circles_26#grid": "failed",
    "program/circles_26#nan": "invalid",
    "program/circles_26#huge": "failed",
    "program/cap_set_8#good": "passed",
    "program/cap_set_8#line": "invalid",
}
SCORES = {
    "reward/mountain-car#speed": (0.99, 0.05),
    "reward/mountain-car#native": (0.0, 0.05),
    "loss/digits-label-noise#symmetric": (0.96, 0.03),
    "loss/digits-label-noise#cross-entropy": (0.85, 0.04),
    "loss/digits-label-noise#sign-flipped": (0.1, 0.08),
}


@pytest.mark.parametrize("name", ["code", "math", "reward", "loss", "instruction", "program", "mixed"])
def test_example_tasks_can_be_judged(name: str) -> None:
    tasks = load_tasks(EXAMPLES / "tasks" / f"{name}.jsonl")
    assert tasks
    assert [problems(task) for task in tasks] == [[]] * len(tasks)
    assert all(task.reference for task in tasks)


def test_example_candidates_are_those_whose_outcome_is_known() -> None:
    tasks = load_tasks(EXAMPLES / "tasks" / "mixed.jsonl")
    candidates = load_candidates(EXAMPLES / "candidates" / "mixed.jsonl", tasks)
    assert [candidate.id for candidate in candidates] == list(EXPECTED)


async def test_references_of_quick_examples_pass(bubblewrap: str) -> None:
    async with Pool.open("bubblewrap") as pool:
        verifiers = Verifiers(pool, confirm=False)
        for name in ("code", "math", "instruction"):
            for task in load_tasks(EXAMPLES / "tasks" / f"{name}.jsonl"):
                verdict = await verifiers.verify(task, task.reference or "")
                assert verdict.passed, (task.id, verdict)
                assert re.fullmatch("bubblewrap( [0-9a-f]{64})?", verdict.sandbox), verdict


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_mixed_file_gives_the_known_verdicts(backend: str, gristmill_command: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    pytest.importorskip("lm_eval")
    out = tmp_path / "verdicts.jsonl"
    done = subprocess.run(
        [
            gristmill_command,
            "verify",
            str(EXAMPLES / "tasks" / "mixed.jsonl"),
            str(EXAMPLES / "candidates" / "mixed.jsonl"),
            "--out",
            str(out),
            "--sandbox",
            backend,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {row["id"]: row["outcome"] for row in rows} == EXPECTED
    assert [row["id"] for row in rows] == list(EXPECTED)
    for kind in ("code", "math", "reward", "loss", "instruction", "program"):
        assert f"{kind}: " in done.stderr
    for row in rows:
        assert len(row["feedback"]) > 20, row
        if row["id"] in SCORES:
            middle, give = SCORES[row["id"]]
            assert row["score"] == pytest.approx(middle, abs=give), row
