"""Trainings that are plainly behind stop, over seeds and within one; what is stopped is no pass and never the best."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Courses, Outcome, Task, Verdict
from gristmill.verifiers.registry import problems
from gristmill.verifiers.trained.halving import Behind, Pace, is_undecided, lower_estimate, upper_estimate
from gristmill.verifiers.trained.reward.verifier import PROFILE, RewardTraining
from gristmill.verifiers.trained.serving import Solution
from gristmill.verifiers.trained.verifier import judge_trained
from tests.verifiers.attacks.fitness import Signs

GOOD = "def reward(obs, action, next_obs, info):\n    return 1.0 * ((obs[:, 0] * obs[:, 1] > 0) == (action == 1))\n"
POOR = "def reward(obs, action, next_obs, info):\n    return 0.0 * obs[:, 0]\n"
TASK = Task(id="r", kind="reward", prompt="?", environment="signs", target=0.9, settings={"seeds": 3})
GRADES = st.floats(0, 1)


def courses(seeds: int) -> st.SearchStrategy[Courses]:
    course = st.lists(GRADES, min_size=5, max_size=5).map(tuple)
    return st.lists(course, min_size=seeds, max_size=seeds).map(tuple)


def scores(pace: Pace, mine: Courses) -> list[float]:
    """The ends of the trainings that are made."""
    done: list[float] = []
    try:
        for course in mine:
            pace.check()
            for grade in course[:-1]:
                pace.watch(grade)
            pace.end(course[-1])
            done.append(course[-1])
    except Behind:
        pass
    return done


@given(st.integers(1, 5).flatmap(lambda seeds: st.tuples(courses(seeds), courses(seeds))), GRADES)
def test_what_is_stopped_is_never_ahead_of_the_one_that_it_is_held_to(
    both: tuple[Courses, Courses], target: float
) -> None:
    bar, mine = both
    done = scores(Pace(bar, len(mine), target), mine)
    mean, best = (sum(course[-1] for course in each) / len(each) for each in (mine, bar))
    assert lower_estimate(done, len(mine)) - 1e-12 <= mean <= upper_estimate(done, len(mine)) + 1e-12
    if len(done) < len(mine):  # of equals the earlier one stands first
        assert lower_estimate(done, len(mine)) <= best + 1e-12


@given(courses(3))
def test_nobody_is_stopped_by_a_bar_of_another_number_of_seeds_or_by_its_own_within_reach(bar: Courses) -> None:
    assert len(scores(Pace(bar[:2], 3, 1.0), bar)) == len(scores(Pace((), 3, 1.0), bar)) == 3
    assert len(scores(Pace(bar, 3, 0.0), bar)) == 3


def test_who_is_not_ahead_and_cannot_reach_the_target_gets_no_further_seed() -> None:
    def made(first: float, target: float) -> int:
        return len(scores(Pace(((0.2, 0.5),) * 3, 3, target), ((0.1, first),) * 3))

    assert (made(0.49, 0.8), made(0.49, 0.9), made(0.51, 0.9)) == (2, 1, 3)
    # What goes as the best one does, to the last digit, is the best one.
    assert len(scores(Pace(((0.2, 0.5),) * 3, 3, 0.9), ((0.2, 0.5),) * 3)) == 1
    assert len(scores(Pace(((0.2, 0.5),) * 3, 3, 0.8), ((0.2, 0.5),) * 3)) == 2


def test_a_task_of_a_file_holds_nobody_to_a_bar() -> None:
    assert problems(TASK.model_copy(update={"environment": "acrobot", "bar": ((1.0,),)}))[0].startswith("bar: ")


@pytest.fixture
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


async def test_what_is_behind_stops_early_and_is_no_pass(pool: Pool) -> None:
    async def judged(source: str, bar: Courses = (), target: float = 0.9) -> Verdict:
        task = TASK.model_copy(update={"bar": bar, "target": target})
        offered = Solution(source, "reward", Limits(), PROFILE)
        return await judge_trained(pool, task, offered, RewardTraining(Signs(), "reward/3"), b"a secret")

    good = await judged(GOOD)
    assert (good.metrics["seeds"], len(good.courses), len(good.courses[0])) == (3, 3, 5)
    assert (await judged(GOOD, good.courses)).score == good.score
    # In the end far ahead, and at the first quarter nowhere: only a whole training tells.
    poor = await judged(POOR, ((0.0, 0.0, 0.0, 0.0, 1.0),) * 3, target=0.1)
    assert poor.outcome is Outcome.FAILED
    assert is_undecided(TASK, poor)
    assert "whether all of them would have reached the target is not known" in poor.feedback
    beaten = await judged(POOR, ((0.0, 0.0, 0.0, 0.0, 1.0),) * 3)
    assert beaten.metrics["stopped"] == 1
    assert not is_undecided(TASK, beaten)
    assert "could not have reached the target of 0.9" in beaten.feedback
    assert (poor.metrics["seeds"], poor.metrics["stopped"], poor.courses) == (1, 1, ())
    assert poor.score == pytest.approx(0.5 / 3, abs=0.05)
    assert poor.feedback.startswith("Stopped after 1 of 3 seeds: it came to")
    at_once = await judged(POOR, ((1.0,) * 5,) * 3)
    assert (at_once.metrics["seeds"], at_once.score) == (0, 0.0)
    assert at_once.feedback.startswith("Stopped after 0 of 3 seeds: at checkpoint 1 of 4 of training 1")
