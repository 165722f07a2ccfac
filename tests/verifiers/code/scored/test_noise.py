"""Noisy evaluators and cascades in real sandboxes: seeds that all solutions share, and stages that spare the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Seeds, Task, Verifiers

inside = pytest.mark.asyncio(loop_scope="module")
NOISY = """
import random
def evaluate(candidate, instance, seed):
    return {"value": candidate(instance) + random.Random(seed).gauss(0, 1), "seed": seed}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


def _task(code: str = NOISY, *, reference: str | None = "def f(x):\n    return x", **changes: Any) -> Task:
    test: dict[str, Any] = {
        "type": "score",
        "entry_point": "f",
        "code": code,
        "instances": [1, 2],
        "direction": "maximize",
    }
    test |= {"main": "value", "repeats": 4, **changes}
    row = {"id": "noisy", "kind": "code", "prompt": "p", "tests": [test], "reference": reference}
    return Task.model_validate(row)


@inside
async def test_solutions_of_a_search_meet_the_same_chances(pool: Pool) -> None:
    judge, task = Verifiers(pool), _task(public=[0])
    one = await judge.verify(task, "def f(x):\n    return x")
    other = await judge.verify(task, "def f(x):\n    return x + 1")
    assert len(one.replicates) == 4
    assert [b - a for a, b in zip(one.replicates, other.replicates, strict=True)] == pytest.approx([1.0] * 4)
    assert one.metrics["spread"] == pytest.approx(other.metrics["spread"])
    assert one.metrics["spread"] > 0
    assert one.metrics["repeats"] == 4
    assert one.score == pytest.approx(sum(one.replicates) / 4)
    assert "standard error" in one.feedback
    assert "of 4 evaluations by other seeds" in one.feedback
    assert len(one.checks) == 8
    again = await judge.verify(task, "def f(x):\n    return x")
    assert (again.score, again.replicates) == (one.score, one.replicates)


@inside
async def test_replicates_can_be_asked_for_one_by_one_and_fresh_ones_differ(pool: Pool) -> None:
    judge, task = Verifiers(pool), _task()
    solution = "def f(x):\n    return x"
    whole = await judge.verify(task, solution)
    rest = await judge.verify(task, solution, seeds=Seeds(first=2, count=2))
    assert rest.replicates == whole.replicates[2:]
    single = await judge.verify(task, solution, seeds=Seeds(first=1, count=1))
    assert single.score == pytest.approx(whole.replicates[1])
    assert single.replicates == ()
    fresh, evidence = await judge.explain(task, solution, seeds=Seeds(draw="re-score"))
    assert not set(fresh.replicates) & set(whole.replicates)
    assert evidence.checks[0].name == "tests[0]/0 #0"


@inside
async def test_held_out_instances_have_seeds_too(pool: Pool) -> None:
    judge, task = Verifiers(pool), _task(held_out=[7])
    solution = "def f(x):\n    return x"
    usual, same = [await judge.held_out(task, solution) for _ in range(2)]
    fresh = await judge.held_out(task, solution, seeds=Seeds(draw="re-score"))
    assert usual is not None
    assert same is not None
    assert fresh is not None
    assert usual.score == same.score != fresh.score


@inside
async def test_a_target_that_some_seeds_reach_by_luck_is_flaky(pool: Pool) -> None:
    judge, solution = Verifiers(pool), "def f(x):\n    return x"
    lucky = await judge.verify(_task(), solution)
    assert lucky.score is not None
    outcome = (await judge.verify(_task(target=lucky.score), solution)).outcome
    again = await judge.verify(_task(), solution, seeds=Seeds(draw="/confirm"))
    assert again.score is not None
    assert outcome is (Outcome.PASSED if again.score >= lucky.score else Outcome.FLAKY)


@inside
async def test_an_evaluator_that_draws_by_its_seed_is_deterministic(pool: Pool) -> None:
    judge = Verifiers(pool)
    assert await judge.examine(_task()) == []
    blind = NOISY.replace("random.Random(seed)", "random.Random()")
    said = await judge.examine(_task(blind))
    assert "draw by seeds" in said[0]


STAGED = "def evaluate(candidate, instance):\n    return candidate(instance)\n"
CASCADE: dict[str, Any] = {
    "repeats": 1,
    "main": None,
    "instances": [1, 2, 3, 4],
    "floor": 0.0,
    "cascade": [{"instances": [0, 1], "threshold": 1.5}],
}


@inside
async def test_below_a_threshold_the_rest_is_not_run(pool: Pool) -> None:
    judge, task = Verifiers(pool), _task(STAGED, **CASCADE)
    through = await judge.verify(task, "def f(x):\n    return 1.5 if x < 3 else 0.0")
    stopped = await judge.verify(task, "def f(x):\n    return 1.4 if x < 3 else 99.0")
    assert (through.outcome, through.score, through.metrics["spared"]) == (Outcome.PASSED, 0.75, 0)
    assert (stopped.outcome, stopped.score, stopped.metrics["spared"]) == (Outcome.FAILED, 0.7, 2)
    assert list(stopped.scores) == ["0", "1"]
    assert "stopped below a threshold: 2 instances were not run, and count as 0 each" in stopped.feedback
    broken = await judge.verify(task, "def f(x):\n    return 1 / 0")
    assert (broken.score, "spared" in broken.metrics) == (task.worst, True)


@inside
async def test_who_is_stopped_reaches_no_target_and_worse_than_the_floor_is_the_floor(pool: Pool) -> None:
    judge = Verifiers(pool)
    low = await judge.verify(_task(STAGED, **CASCADE | {"target": 0.5}), "def f(x):\n    return 1.4")
    assert (low.outcome, low.score) == (Outcome.FAILED, 0.7)
    deep = await judge.verify(_task(STAGED, **CASCADE), "def f(x):\n    return 2.0 if x < 3 else -100.0")
    assert deep.score == 1.0


@inside
async def test_a_threshold_that_stops_the_reference_is_told(pool: Pool) -> None:
    judge = Verifiers(pool)
    (said,) = await judge.examine(_task(STAGED, reference="def f(x):\n    return 1.0", **CASCADE))
    assert said == "tests[0].cascade[0].threshold: the reference has 1 there: 1.5 stops it"
