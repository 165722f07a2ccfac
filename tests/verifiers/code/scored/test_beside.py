"""An evaluator that needs the program itself runs beside it: a forged score is possible, and never called verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.graph.tasks.foreign.openevolve import import_openevolve
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Seeds, Strength, Task, Verifiers
from gristmill.verifiers.registry import problems
from gristmill.verifiers.settling import accepted

inside = pytest.mark.asyncio(loop_scope="module")
HIDDEN = "the-hidden-word"
EVALUATOR = f'''
def evaluate(candidate, instance):
    """The square."""
    names = {{}}
    exec(open(candidate.path).read(), names)
    if names["answer"](3) < 0:
        candidate.reject("{HIDDEN}")
    return {{"score": 1.0 * names["answer"](instance), "half": candidate(instance) / 2, "count": 1}}
'''
GOOD = "def answer(n):\n    return n * n\n"
FORGES = """
import sys

def answer(n):
    frame = sys._getframe(1)
    while frame and "context" not in frame.f_locals:
        frame = frame.f_back
    frame.f_locals["context"].send({"numbers": {"score": 1e9}})
    import os
    os._exit(0)
"""
# Tells what it has read of the evaluator in all ways that it has.
TELLS = f"""
import sys

def answer(n):
    frame = sys._getframe(1)
    while frame and "context" not in frame.f_locals:
        frame = frame.f_back
    text = frame.f_locals["context"].request["code"]
    where = text.index("the-hidden") if "the-hidden" in text else 0
    word = text[where:where + {len(HIDDEN)}]
    frame.f_locals["context"].send({{"numbers": {{"score": 1.0, word: 2.0}}}})
    print(word)
    import os
    os._exit(0)
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def task(**changes: Any) -> Task:
    test = {
        "type": "score",
        "entry_point": "answer",
        "code": EVALUATOR,
        "instances": [2, 3],
        "held_out": [4],
        "public": [0],
        "direction": "maximize",
        "main": "score",
        "together": True,
    }
    row = {"id": "square", "kind": "code", "prompt": "Write answer(n).", "tests": [test | changes], "reference": GOOD}
    return Task.model_validate(row)


@inside
async def test_it_is_refused_without_the_flag_and_never_verified_with_it(pool: Pool) -> None:
    asked = task()
    assert problems(asked) == []
    verdict, evidence = await Verifiers(pool).explain(asked, GOOD)
    assert (verdict.outcome, verdict.strength) == (Outcome.REFUSED, Strength.TOGETHER)
    assert "in one process" in evidence.reason
    verifiers = Verifiers(pool, accept_together=True)
    verdict = await verifiers.verify(asked, GOOD)
    assert (verdict.outcome, verdict.score, verdict.strength) == (Outcome.PASSED, 6.5, Strength.TOGETHER)
    assert verdict.metrics == {"half": 3.25, "count": 1.0}
    assert not verdict.verified
    assert not verdict.decided_by_tools
    assert not accepted(verdict, "verified")
    assert not accepted(verdict, "split")
    assert accepted(verdict, "together")
    assert await verifiers.reproduces(asked, GOOD, verdict, Seeds()) is None
    held = await verifiers.held_out(asked, GOOD)
    assert held is not None
    assert held.score == 16.0


@inside
async def test_a_forged_score_stands_there_and_nowhere_else(pool: Pool) -> None:
    forged = await Verifiers(pool, accept_together=True).verify(task(), FORGES)
    assert (forged.score, forged.strength, forged.verified) == (1e9, Strength.TOGETHER, False)
    assert (await Verifiers(pool).verify(task(), FORGES)).outcome is Outcome.REFUSED
    # Across the boundary the same solution comes to nothing.
    apart = task(together=False, code="def evaluate(candidate, instance):\n    return {'score': 1.0 * candidate(2)}\n")
    assert (await Verifiers(pool, accept_together=True).verify(apart, FORGES)).outcome is Outcome.ERROR


@inside
@pytest.mark.parametrize("solution", [TELLS, GOOD.replace("n * n", "-1"), GOOD.replace("n * n", "[]"), "x = 1\n"])
async def test_a_model_learns_no_word_of_that_process(pool: Pool, solution: str) -> None:
    verdict, evidence = await Verifiers(pool, accept_together=True).explain(task(), solution)
    told = verdict.model_dump_json()
    assert HIDDEN not in told
    assert verdict.notes == ""
    if solution.endswith("-1\n"):
        assert verdict.outcome is Outcome.INVALID
        assert HIDDEN in evidence.model_dump_json()


BY_PROCESS = """
import subprocess, sys, tempfile


def evaluate(program_path):
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(f"import sys\\nsys.path.insert(0, {program_path.rpartition('/')[0]!r})\\n"
                   "import initial_program\\nprint(initial_program.run(20))\\nsys.exit(3)\\n")
    process = subprocess.Popen([sys.executable, file.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=30)
    done = subprocess.run([sys.executable, "-u", file.name], capture_output=True, text=True)
    return {"combined_score": float(out) + float(done.stdout), "status": process.returncode + done.returncode}
"""


@inside
async def test_an_evaluator_of_openevolve_that_starts_python_is_taken_with_the_flag_alone(
    pool: Pool, tmp_path: Path
) -> None:
    (tmp_path / "initial_program.py").write_text("def run(n):\n    return n + 1\n")
    (tmp_path / "evaluator.py").write_text(BY_PROCESS)
    with pytest.raises(UserError, match=r"starts processes .*--accept together"):
        import_openevolve(str(tmp_path))
    imported = import_openevolve(str(tmp_path), together=True)
    assert imported.task.scored is not None
    assert imported.task.scored.together
    assert "can forge its score" in imported.notes[-1]
    verifiers = Verifiers(pool, accept_together=True)
    verdict = await verifiers.verify(imported.task, "def run(n):\n    return n + 1\n")
    assert (verdict.score, verdict.metrics, verdict.strength) == (42.0, {"status": 6.0}, Strength.TOGETHER)
    assert (await verifiers.verify(imported.task, "def run(n):\n    while True: pass\n")).outcome is not Outcome.PASSED
