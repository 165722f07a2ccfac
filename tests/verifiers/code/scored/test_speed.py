"""The eight tasks whose score is speed: their references hold, and a better program of each has a better score."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Verifiers, problems
from tests.verifiers.code.line import sections

EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "tasks" / "speed.yaml"
TASKS = {task.id: task for task in load_tasks(EXAMPLES)}
FASTER = {part.name: part for part in sections(Path(__file__).with_name("faster.txt"))}
inside = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def test_there_are_eight_and_each_has_a_faster_program() -> None:
    assert set(TASKS) == set(FASTER)
    assert len(TASKS) == 8
    assert not any(problems(task) for task in TASKS.values())


@inside
@pytest.mark.third
@pytest.mark.parametrize("name", sorted(TASKS))
async def test_a_better_program_has_a_better_score(pool: Pool, name: str) -> None:
    task, judge = TASKS[name], Verifiers(pool)
    verdict = await judge.verify(task, FASTER[name].source)
    assert verdict.outcome is Outcome.PASSED, verdict.model_dump_json()
    # Each of them needs a third of the work, or less.
    assert verdict.metrics["high"] < 1
    assert task.reference is not None
    wrong = (
        task.reference + f"\nright = {FASTER[name].names[0]}\ndef {FASTER[name].names[0]}(*args):\n    right(*args)\n"
    )
    assert (await judge.verify(task, wrong)).outcome is Outcome.INVALID


@inside
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASKS))
async def test_references_hold_on_all_instances(pool: Pool, name: str) -> None:
    assert await Verifiers(pool).examine(TASKS[name]) == []
