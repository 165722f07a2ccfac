"""Ranges (DrEureka): priors that hold no failure, configurations that are data, and a test that chose nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.models.mutate.intervals import bred_ranges
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import plugins, problems
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.trained.ranges.configuration import ConfigurationError, parse, written
from gristmill.verifiers.trained.ranges.grids import GRIDS, grid_of, values_of
from gristmill.verifiers.trained.ranges.perturbed import drawn, worst
from gristmill.verifiers.trained.ranges.priors import SweepPoint, prior, sweep
from gristmill.verifiers.trained.ranges.task import ranges_task, swept
from gristmill.verifiers.trained.ranges.verifier import RangesVerifier
from gristmill.verifiers.trained.reward.environment import Floats, Parameter
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.grading import grades
from gristmill.verifiers.trained.reward.trainer import Batch, train

OWN = Path(__file__).resolve().parents[2] / "typing" / "own_environment.py"
RIGHT = "def reward(obs, action, next_obs, info):\n    return next_obs[:, 0] - obs[:, 0]\n"
PRIORS = {"push": (0.08, 0.2)}
NAMES = {"mass": (0.5, 1.5), "wind": (-2.0, 3.0), "drag": (0.0, 1e-3)}

grade_lists = st.lists(st.booleans(), min_size=1, max_size=13)


@given(grade_lists, st.data())
def test_a_prior_excludes_every_value_at_which_the_policy_fails(succeeds: list[bool], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(succeeds) - 1))
    succeeds[at] = True
    tried = [SweepPoint(value=float(k), grade=float(s), succeeded=s) for k, s in enumerate(succeeds)]
    found = prior("mass", float(at), data.draw(st.permutations(tried)))
    assert found.low <= at <= found.high
    assert not [each for each in found.failures if found.low <= each <= found.high]
    # The widest such: what lies next to it, where anything was tried there, is a failure.
    assert {found.low - 1, found.high + 1} & {float(k) for k in range(len(succeeds))} <= set(found.failures)
    # The published rule takes every success, and with them whatever failed between: both are told.
    low, high = found.published
    assert all(low <= k <= high for k, good in enumerate(succeeds) if good)
    assert found.admitted == tuple(float(k) for k, good in enumerate(succeeds) if not good and low <= k <= high)
    assert (low, high) == (found.low, found.high) or found.admitted


def test_a_policy_that_fails_in_the_world_as_it_is_has_no_prior() -> None:
    with pytest.raises(ValueError, match="does not succeed at mass = 1, its own value"):
        prior(
            "mass",
            1.0,
            [SweepPoint(value=1.0, grade=0.0, succeeded=False), SweepPoint(value=2.0, grade=1.0, succeeded=True)],
        )


def test_a_real_sweep_finds_what_the_cars_policy_bears() -> None:
    def speed(batch: Batch) -> Floats:
        return np.asarray(10.0 * np.abs(batch.next_observation[:, 1]))

    car = environment("mountain_car")
    policy = train(speed, car, 0).policy
    assert policy is not None
    force, gravity = sweep(policy, car, 5)
    assert (force.low, force.high) == pytest.approx((0.0009, 0.002))
    assert force.failures == (0.0005,), "half the force is too little for the hill"
    assert (gravity.low, gravity.high) == (0.0015, 0.0035)
    weak = grades(policy, car, np.random.default_rng(6), 200, {"force": force.failures[0]})
    assert weak.mean() < 0.8 <= grades(policy, car, np.random.default_rng(6), 200, {"force": force.low}).mean()


@pytest.mark.parametrize(
    ("parameter", "grid", "values"),
    [
        (Parameter("mass", 2.0, 1.0, 3.5), "centred_1", (1.0, 1.8, 2.0, 2.2, 3.0, 3.5)),
        (Parameter("wind", 0.0, -1.0, 0.4), "centred_0", (-1.0, -0.5, -0.1, -0.01, 0.0, 0.01, 0.1, 0.4)),
        (Parameter("drag", 0.0, 0.0, 20.0), "min_0", GRIDS["min_0"]),
        (Parameter("bounce", 0.25, 0.0, 1.0), "limit_01", (0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)),
        (Parameter("friction", 0.1, 0.0, 1.0001), "min_0", (0.0, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0)),
    ],
)
def test_grids_are_the_published_ones_within_what_makes_sense(
    parameter: Parameter, grid: str, values: tuple[float, ...]
) -> None:
    assert grid_of(parameter) == grid
    assert values_of(parameter) == pytest.approx(values)
    assert parameter.default in values_of(parameter)


@given(st.dictionaries(st.sampled_from(list(NAMES)), st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_what_is_written_is_read_again(parts: dict[str, tuple[float, float]]) -> None:
    def at(name: str, part: float) -> float:
        low, high = NAMES[name]
        return min(max(low + part * (high - low), low), high)

    ranges = {name: (at(name, min(two)), at(name, max(two))) for name, two in parts.items()}
    assert parse(written(ranges), NAMES) == ranges
    assert parse(f"# said first\n\n{written(ranges)}  # and last", NAMES) == ranges


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mass = [0.4, 1.0]", r"`mass`: \[0.4, 1\] goes beyond its valid range \[0.5, 1.5\]"),
        ("mass = [1.0, 1.6]", "goes beyond its valid range"),
        ("mass = [1.2, 1.1]", "the low bound 1.2 is greater than the high bound 1.1"),
        ("weight = [1, 1]", "no constant `weight` here; there are mass, wind, drag"),
        ("mass = [1, 1]\nmass = [1, 1.1]", "`mass` is given twice"),
        ("mass = [nan, 1]", "Line 1 is not of the form"),
        ("mass = [1, float('inf')]", "Line 1 is not of the form"),
        ("wind = [-1e999, 1]", "both bounds must be finite"),
        ("import os\nmass = [1, 1]", "Line 1 is not of the form"),
        ("mass = [__import__('os').getpid(), 1]", "Line 1 is not of the form"),
        ("mass = [1, 1]; wind = [0, 0]", "Line 1 is not of the form"),
        ("mass = [1, 1.1, 1.2]", "Line 1 is not of the form"),
        ("mass = [true, 1]", "Line 1 is not of the form"),
        ("mass = [١, 1.2]", "Line 1 is not of the form"),
        ("# nothing", "names no constant"),
        ("#" * 30_000, "at most 20,000 characters"),
    ],
)
def test_what_is_no_configuration_is_told_why(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse(text, NAMES)


@given(st.text())
def test_no_text_does_anything_but_be_refused(text: str) -> None:
    try:
        found = parse(text, NAMES)
    except ConfigurationError:
        return
    assert all(NAMES[name][0] <= low <= high <= NAMES[name][1] for name, (low, high) in found.items())


@given(st.integers(0, 2**32), st.sampled_from(["", "cross", "adjust", "another", "improve"]))
def test_what_is_proposed_without_a_model_is_another_configuration_within_the_priors(seed: int, operator: str) -> None:
    priors = {"gravity": (6.0, 11.0), "mass": (0.5, 1.5), "length": (1.0, 1.0)}
    task = ranges_task("pendulum", RIGHT, priors)
    chance = random.Random(seed)
    one, other = (bred_ranges(task, (), "fresh", chance, first=False) for _ in range(2))
    child = bred_ranges(task, (one, "no configuration", other), operator, chance, first=False)
    assert parse(child, priors)
    assert child != one
    assert extract(task, child).solution == child
    assert parse(bred_ranges(task, (), operator, chance, first=True), priors) == priors


def test_worlds_are_drawn_from_the_whole_of_what_is_given_and_the_worst_tenth_is_a_mean() -> None:
    worlds = drawn(NAMES, 4000, np.random.default_rng(0))
    for name, (low, high) in NAMES.items():
        assert low <= worlds[name].min() < low + 0.01 * (high - low)
        assert high >= worlds[name].max() > high - 0.01 * (high - low)
    assert abs(np.corrcoef(worlds["mass"], worlds["wind"])[0, 1]) < 0.1, "all at once, and each by itself"
    assert worst(np.arange(200) / 200) == pytest.approx(np.arange(20).mean() / 200)
    assert worst(np.array([0.5, 0.25])) == 0.25


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Named without its folder: seeds follow from a secret and the task, so they are the same in every checkout."""
    (tmp_path / OWN.name).write_bytes(OWN.read_bytes())
    monkeypatch.chdir(tmp_path)
    before = plugins._trusted
    plugins.trust_files()
    yield f"{OWN.name}:Far"
    plugins.trust_files(before)


def task(name: str, **settings: Any) -> Task:
    return ranges_task(name, RIGHT, PRIORS, settings={"seeds": 2, **settings}, target=0.01)


def test_what_a_task_lacks_is_named(own: str) -> None:
    assert problems(task(own)) == []
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"reward": ""}, "settings.reward: must be the source"),
        ({"priors": {}}, "settings.priors: must name constants"),
        ({"priors": {"pull": [0, 1]}}, "has no 'pull'; it has push"),
        ({"priors": {"push": [0.01, 0.2]}}, "settings.priors.push: must be [low, high] between 0.05 and 0.2"),
        ({"priors": {"push": [0.2, 0.1]}}, "settings.priors.push"),
        ({"priors": {"push": [float("nan"), 0.1]}}, "settings.priors.push"),
        ({"ranges": 1}, "settings: ranges mean nothing for a ranges here"),
    ]
    for settings, why in mistakes:
        (said,) = problems(task(own, **settings))
        assert why in said
    (said,) = problems(Task(id="r", kind="ranges", prompt="?", environment="moon", settings={"reward": RIGHT}))
    assert said.startswith("environment: 'moon'")


async def test_what_is_invalid_trains_nothing(own: str) -> None:
    judge = RangesVerifier(None)  # type: ignore[arg-type]  # a pool that was asked would be an error
    verdict = await judge.verify(task(own), "push = [0.01, 0.1]")
    assert (verdict.outcome, verdict.score) == (Outcome.INVALID, 0.0)
    assert "goes beyond its valid range [0.08, 0.2]" in verdict.feedback


@pytest.fixture
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


async def test_a_configuration_is_judged_in_worlds_that_its_final_test_does_not_use(own: str, pool: Pool) -> None:
    asked, judge = task(own), Verifiers(pool, secret=b"one secret")
    verdict = await judge.verify(asked, "push = [0.09, 0.15]")
    assert verdict.outcome is Outcome.PASSED
    assert verdict.score is not None
    assert verdict.score == pytest.approx(verdict.metrics["reach_in_perturbed_worlds"])
    assert verdict.metrics["worst_tenth"] < verdict.score
    assert "Drawn in training: push [0.09, 0.15]" in verdict.feedback
    assert (await judge.verify(asked, "push = [0.09, 0.15]")).score == verdict.score, "the same trainings, and worlds"
    final = await judge.held_out(asked, "push = [0.09, 0.15]")
    assert final is not None
    assert final.score == final.scores["perturbed"] != verdict.score
    assert set(final.scores) == {"perturbed", "perturbed, worst tenth", "nominal", "beyond", "beyond, worst tenth"}
    assert final.scores == (await judge.held_out(asked, "# again\npush = [0.09, 0.15]")).scores  # type: ignore[union-attr]
    assert final.scores != (await Verifiers(pool, secret=b"other").held_out(asked, "push = [0.09, 0.15]")).scores  # type: ignore[union-attr]


async def test_the_reward_runs_in_a_sandbox_and_what_it_does_is_its_own_trouble(own: str, pool: Pool) -> None:
    for source, outcome in [
        ("import os\nos._exit(0)\n", Outcome.ERROR),
        ("def reward(obs, action, next_obs, info):\n    return next_obs[:, 0] * float('nan')\n", Outcome.INVALID),
        ("import os\ndef reward(obs, action, next_obs, info):\n    os.kill(os.getppid(), 9)\n    os._exit(1)\n", None),
    ]:
        verdict = await Verifiers(pool).verify(task(own, reward=source), "push = [0.09, 0.15]")
        assert verdict.outcome is outcome if outcome else verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED)
        with pytest.raises(UserError, match="the reward cannot be trained with"):
            await swept(pool, own, source, (1,))


async def test_priors_come_from_a_policy_of_the_reward(own: str, pool: Pool) -> None:
    known = await swept(pool, own, RIGHT, (1, 2, 3))
    (push,) = known.priors
    assert push.nominal == 0.1
    assert [each.value for each in push.tried] == pytest.approx([0.05, 0.09, 0.1, 0.11, 0.15, 0.2])
    assert not [each for each in push.failures if push.low <= each <= push.high]
    with pytest.raises(UserError, match="comes to nothing in the world as it is; ranges are searched for a reward"):
        await swept(pool, own, RIGHT.replace("next_obs[:, 0] - obs[:, 0]", "obs[:, 0] - next_obs[:, 0]"), (1,))
