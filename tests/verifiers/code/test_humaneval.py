"""Published tasks: every reference passes, and a wrong solution gets what plain execution gives it.

All of HumanEval on bubblewrap; of it on Docker, of MBPP and of thousands of mutants a fixed third, one backend another
than the other. GRISTMILL_TEST_WHOLE=1 takes all of them on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers import Outcome, Task, Verdict, Verifiers, problems
from tests.verifiers.code.mutants import mutants, plainly

T = TypeVar("T")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def humaneval(shared_data: Path) -> list[Task]:
    return import_tasks("humaneval", shared_data / "humaneval" / "HumanEval.jsonl.gz")


def some(rows: Sequence[T], pool: Pool, every: int) -> list[T]:
    """One in so many, other ones on one backend than on the other."""
    return list(rows[["docker", "bubblewrap"].index(pool.backend) % every :: every])


async def judge_all(pool: Pool, pairs: Sequence[tuple[Task, str]]) -> list[Verdict]:
    verifiers = Verifiers(pool)
    slots = asyncio.Semaphore(8)

    async def judge(task: Task, solution: str) -> Verdict:
        async with slots:
            return await verifiers.verify(task, solution)

    return await asyncio.gather(*(judge(task, solution) for task, solution in pairs))


def not_passed(pairs: Sequence[tuple[Task, str]], verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {
        task.id: f"{verdict.outcome}: {verdict.feedback}"
        for (task, _), verdict in zip(pairs, verdicts, strict=True)
        if not verdict.verified
    }


def references(tasks: Sequence[Task]) -> list[tuple[Task, str]]:
    assert [task.id for task in tasks if problems(task)] == []
    # Some count for seconds even on a quiet machine (MBPP/123): time is not what is tested here.
    patient = {"limits": Limits(wall_seconds=900, cpu_seconds=900)}
    return [(task.model_copy(update=patient), task.reference or "") for task in tasks]


async def test_all_164_references_of_humaneval_pass(pool: Pool, humaneval: list[Task]) -> None:
    pairs = references(humaneval)
    assert len(pairs) == 164
    assert not_passed(pairs, await judge_all(pool, pairs)) == {}


async def test_none_of_164_mutants_that_plain_execution_rejects_passes(
    pool: Pool, humaneval: list[Task], every: int
) -> None:
    pairs = []
    for task in humaneval if pool.backend == "bubblewrap" else some(humaneval, pool, every):
        assert plainly(task.reference or "", task, seconds=60) == "passes", task.id
        wrong = next((source for source in mutants(task) if plainly(source, task) == "fails"), None)
        assert wrong is not None, task.id
        pairs.append((task, wrong))
    verdicts = await judge_all(pool, pairs)
    assert [task.id for (task, _), verdict in zip(pairs, verdicts, strict=True) if verdict.passed] == []
    assert {verdict.outcome for verdict in verdicts} <= {Outcome.FAILED, Outcome.ERROR}


@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
async def test_two_thousand_mutants_get_what_plain_execution_gives_them(
    pool: Pool, humaneval: list[Task], shared_data: Path, every: int
) -> None:
    mbpp = import_tasks("mbpp", shared_data / "mbpp" / "sanitized-mbpp.json.gz")
    pairs = [
        (task, source)
        for tasks, most in ((humaneval, 25), (mbpp, 2))
        for task in tasks
        for source in spread(list(mutants(task)), most)
    ]
    pairs = some(pairs, pool, every)
    rows = [(*each, plain) for each in pairs if (plain := plainly(each[1], each[0])) != "hangs or crashes"]
    assert len(rows) >= 2000 // every
    assert {plain for _, _, plain in rows} == {"passes", "fails"}
    # Time is not what is compared: plain execution took less than three seconds. It also stops at the first failure,
    # where later assertions are checks of their own here, and may hang.
    patient = {"limits": Limits(wall_seconds=120, cpu_seconds=20)}
    verdicts = await judge_all(pool, [(task.model_copy(update=patient), source) for task, source, _ in rows])
    differing = [
        (task.id, plain, str(verdict.outcome), source)
        for (task, source, plain), verdict in zip(rows, verdicts, strict=True)
        if verdict.passed != (plain == "passes")
    ]
    assert differing == []


def spread(sources: list[str], most: int) -> list[str]:
    """At most so many, from all over the list."""
    step = max(1.0, len(sources) / most)
    return [sources[int(place * step)] for place in range(min(most, len(sources)))]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("file", "number"), [("mbpp.jsonl.gz", 974), ("sanitized-mbpp.json.gz", 427)], ids=["full", "sanitized"]
)
async def test_all_references_of_mbpp_pass(pool: Pool, shared_data: Path, file: str, number: int, every: int) -> None:
    pairs = references(import_tasks("mbpp", shared_data / "mbpp" / file, challenge=True))
    assert len(pairs) == number
    tried = some(pairs, pool, every)
    assert not_passed(tried, await judge_all(pool, tried)) == {}
