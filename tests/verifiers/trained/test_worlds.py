"""Our environments beside gymnasium's, step by step from the same states, and what a policy makes of their rewards."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gristmill.verifiers.trained.reward.environment import Floats, any_actions
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.trainer import Batch, train
from gristmill.verifiers.trained.reward.worlds import acrobot, pendulum, swing_up

STEPS = 10_000
Draw = Callable[..., Floats]


class Pair(NamedTuple):
    """An environment of ours, gymnasium's, and what lies between them."""

    ours: str
    theirs: str
    states: Callable[[Draw], Floats]
    state: Callable[[Floats], Any]  # of one of our rows, as gymnasium keeps it
    has: Callable[[Floats], Floats]  # our rows in gymnasium's columns
    ends_alike: bool = True


def _car(draw: Draw) -> Floats:
    # Where a car runs backwards over the flag, which none can, gymnasium does not end the episode.
    return np.stack([draw(-1.2, 0.44), draw(-0.07, 0.07)], axis=1)


PAIRS = (
    Pair("mountain_car", "MountainCar-v0", _car, tuple, lambda rows: rows),
    Pair("mountain_car_continuous", "MountainCarContinuous-v0", _car, np.array, lambda rows: rows),
    Pair(
        "pendulum",
        "Pendulum-v1",
        lambda draw: pendulum._states(draw(-6, 6), draw(-8, 8)),
        lambda row: row[[3, 2]],
        lambda rows: rows[:, [3, 2]],
    ),
    Pair(
        "acrobot",
        "Acrobot-v1",
        lambda draw: acrobot._states(draw(-np.pi, np.pi), draw(-np.pi, np.pi), draw(-12, 12), draw(-28, 28)),
        lambda row: row[[6, 7, 4, 5]],
        lambda rows: rows[:, [6, 7, 4, 5]],
    ),
    Pair(
        "swing_up",
        "CartPole-v1",
        # Within the walls, and no faster than ours go.
        lambda draw: swing_up._states(draw(-2.3, 2.3), draw(-4, 4), draw(-np.pi, np.pi), draw(-8, 8)),
        lambda row: row[[0, 1, 5, 4]],
        lambda rows: rows[:, [0, 1, 5, 4]],
        ends_alike=False,
    ),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.ours)
def test_a_step_is_gymnasiums(pair: Pair) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    world, generator = environment(pair.ours), np.random.default_rng(20)
    states = pair.states(lambda low, high: generator.uniform(low, high, STEPS))
    actions = any_actions(world, STEPS, generator)
    if pair.ours == "swing_up":  # gymnasium's cart is pushed with all force to one side or the other
        actions = np.where(actions > 0, 10.0, -10.0)
    after = world.step(states, actions, {each.name: each.default for each in world.physics})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = gymnasium.make(pair.theirs).unwrapped
        theirs.reset(seed=0)
        there, ended = [], []
        for row, action in zip(states, actions, strict=True):
            theirs.state = pair.state(row)
            theirs.steps_beyond_terminated = None
            given = int(action[0] > 0) if pair.ours == "swing_up" else action
            ended.append(theirs.step(given)[2])
            there.append(np.asarray(theirs.state, dtype=np.float64))
    assert np.abs(np.stack(there) - pair.has(after)).max() < 1e-6
    if pair.ends_alike:
        assert world.succeeded(after).tolist() == ended


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.ours)
def test_rows_and_their_physics_are_their_own(pair: Pair) -> None:
    world, generator = environment(pair.ours), np.random.default_rng(5)
    states, actions = world.reset(generator, 50), any_actions(world, 50, generator)
    physics = {each.name: generator.uniform(each.low, each.high, 50) for each in world.physics}
    together = world.step(states, actions, physics)
    assert together.shape == states.shape
    for row in range(50):
        one = {name: values[row : row + 1] for name, values in physics.items()}
        np.testing.assert_array_equal(world.step(states[row : row + 1], actions[row : row + 1], one)[0], together[row])
    for each in world.physics:
        moved = physics | {each.name: np.full(50, each.high)}, physics | {each.name: np.full(50, each.low)}
        high, low = (world.step(world.step(states, actions, one), actions, one) for one in moved)
        assert not np.array_equal(high, low), f"{each.name} moves nothing"
    assert ((world.progress(together) >= 0) & (world.progress(together) <= 1)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "gain"),
    # A continuous car is often taught by the very first rollout.
    [("mountain_car_continuous", 0.95, 0.0), ("acrobot", 0.85, 0.2), ("pendulum", 0.8, 0.2), ("swing_up", 0.6, 0.2)],
)
def test_the_reward_by_hand_teaches(name: str, least: float, gain: float) -> None:
    world = environment(name)
    by_name: dict[str, Any] = {}
    exec(world.baselines["human"], by_name)

    def human(batch: Batch) -> Floats:
        made = by_name["reward"](batch.observation, batch.action, batch.next_observation, {})
        return np.asarray(made, dtype=np.float64)

    taught = train(human, world, 3).grade
    # After one rollout next to nothing is learned.
    first = replace(world.training, steps=world.training.episodes * world.training.horizon, checkpoints=1)
    assert taught > least
    assert taught > train(human, world, 3, first).grade + gain
