"""The control of a search for a reward pays for what a step adds to the metric, where observations tell it."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.verifiers.trained.comparing import metric_increment
from gristmill.verifiers.trained.reward.environment import any_actions
from gristmill.verifiers.trained.reward.environments import environment
from tests.verifiers.attacks.fitness import Signs

BY_MEAN = ("pendulum", "swing_up")


@pytest.mark.parametrize("name", ["mountain_car", "mountain_car_continuous", "acrobot", *BY_MEAN])
def test_the_control_pays_what_a_step_adds_to_the_metric(name: str) -> None:
    world, chance = environment(name), np.random.default_rng(0)
    increment, columns = metric_increment(world), len(world.observation)
    assert increment is not None
    before = world.reset(chance, 20)
    for _ in range(30):
        action = any_actions(world, 20, chance)
        after = world.step(before, action, {each.name: each.default for each in world.physics})
        added = world.progress(after) - (0.0 if name in BY_MEAN else world.progress(before))
        assert increment(before[:, :columns], action, after[:, :columns], {}) == pytest.approx(added, abs=1e-12)
        before = after


def test_there_is_none_where_what_counts_is_hidden() -> None:
    assert metric_increment(Signs()) is None
