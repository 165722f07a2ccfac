"""MountainCar: a car too weak for the hill must swing up.

The dynamics are those of Moore (1990) as in Gymnasium's ``MountainCar-v0``. What never reaches the flag is told apart
by how far it came: were all of it 0, a search that begins there would have nothing to go by.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import (
    Actions,
    Ended,
    Floats,
    Parameter,
    PolicySettings,
    Quantity,
)
from gristmill.verifiers.trained.reward.worlds.base import World

__all__ = ["ContinuousMountainCar", "MountainCar"]

_LOWEST, _HIGHEST = -1.2, 0.6
_FASTEST = 0.07
_FLAG = 0.5
_SPEED = """import numpy as np


def reward(obs, action, next_obs, info):
    return 10.0 * np.abs(next_obs[:, 1])
"""
_SPARSE = """def reward(obs, action, next_obs, info):
    return 1.0 * (next_obs[:, 0] >= 0.5)
"""
_NEAR_FLAG = 0.45
_HINT = "The goal was never reached: the reward must point the way long before the goal is first seen."
_SPEED_AND_FLAG = """import numpy as np


def reward(obs, action, next_obs, info):
    return 10.0 * np.abs(next_obs[:, 1]) + 100.0 * (next_obs[:, 0] >= 0.45) - 0.1 * action[:, 0] ** 2
"""
_SPARSE_CONTINUOUS = """def reward(obs, action, next_obs, info):
    return 100.0 * (next_obs[:, 0] >= 0.45) - 0.1 * action[:, 0] ** 2
"""


class MountainCar(World):
    """See `gristmill.verifiers.trained.reward.environment.Environment`; the success rate is told beside the score."""

    name = "mountain_car"
    story = (
        "A car stands in a valley and must reach a flag on the hill to its right, but its engine is too weak to drive "
        "straight up: it must swing back and forth to gather speed."
    )
    dynamics = (
        "velocity += 0.001 * (action - 1) - 0.0025 * cos(3 * position); position += velocity; both are kept in their "
        "ranges, and the left end stops the car"
    )
    observation = (
        Quantity("position", _LOWEST, _HIGHEST, "the valley lies at -0.52, the flag at 0.5", scale=0.9),
        Quantity("velocity", -_FASTEST, _FASTEST, scale=0.035),
    )
    actions = ("pushes left", "does nothing", "pushes right")
    physics = (Parameter("force", 0.001, 0.0005, 0.002), Parameter("gravity", 0.0025, 0.0015, 0.0035))
    episode_steps = 200
    goal = "the flag was reached"
    measure = "flag score"
    grading = (
        "for each fresh episode: 1 where the trained policy reaches the flag within 200 steps, else a tenth of the way "
        "from the left end to the flag that it came to"
    )
    training = PolicySettings()
    lost, hint, wanted = 0.1, _HINT, "reaching the goal more often"
    baselines = {"human": _SPEED, "sparse": _SPARSE}
    # Measured by benchmarks/known_functions.py; the best is told without its formula, which would be the answer.
    known = {"-1 a step": 0.22, "+1 at the goal": 0.22, "the best by hand": 1.0}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """At rest, near the bottom of the valley."""
        return np.stack([generator.uniform(-0.6, -0.4, episodes), np.zeros(episodes)], axis=1)

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """Push every car by its action."""
        position, velocity = states.T
        velocity = velocity + (actions - 1) * physics["force"] - np.cos(3 * position) * physics["gravity"]
        velocity = np.minimum(np.maximum(velocity, -_FASTEST), _FASTEST)
        position = np.minimum(np.maximum(position + velocity, _LOWEST), _HIGHEST)
        velocity[(position <= _LOWEST) & (velocity < 0)] = 0.0
        return np.stack([position, velocity], axis=1)

    def progress(self, states: Floats) -> Floats:
        """How far to the right a car is, from the left end to the flag."""
        return np.asarray(np.clip((states[:, 0] - _LOWEST) / (_FLAG - _LOWEST), 0.0, 1.0))

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """Which cars are at the flag."""
        return np.asarray(states[:, 0] >= _FLAG)

    def grade(self, ended: Ended) -> Floats:
        """1 at the flag; what never got there is told apart by how far it came."""
        return np.asarray(np.where(ended.succeeded, 1.0, 0.1 * ended.nearest))


class ContinuousMountainCar(World):
    """See `gristmill.verifiers.trained.reward.environment.Environment`; Gymnasium's ``MountainCarContinuous-v0``."""

    name = "mountain_car_continuous"
    story = MountainCar.story
    dynamics = (
        "velocity += 0.0015 * force - 0.0025 * cos(3 * position); position += velocity; both are kept in their ranges, "
        "and the left end stops the car"
    )
    observation = (
        Quantity("position", _LOWEST, _HIGHEST, "the valley lies at -0.52, the flag at 0.45", scale=0.9),
        Quantity("velocity", -_FASTEST, _FASTEST, scale=0.035),
    )
    actions = (Quantity("force", -1.0, 1.0, "to the right where it is positive"),)
    physics = (Parameter("power", 0.0015, 0.0008, 0.003), Parameter("gravity", 0.0025, 0.0015, 0.0035))
    episode_steps = 999
    goal = "the flag was reached"
    measure = "flag score"
    grading = (
        "for each fresh episode: 1 where the trained policy reaches the flag within 999 steps, else a tenth of the way "
        "from the left end to the flag that it came to"
    )
    training = PolicySettings(steps=196_608, horizon=128, discount=0.99, entropy=0.005)
    lost, hint, wanted = 0.1, _HINT, "reaching the goal more often"
    baselines = {"human": _SPEED_AND_FLAG, "sparse": _SPARSE_CONTINUOUS}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """At rest, near the bottom of the valley."""
        return np.stack([generator.uniform(-0.6, -0.4, episodes), np.zeros(episodes)], axis=1)

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """Push every car by its force."""
        position, velocity = states.T
        force = np.clip(actions[:, 0], -1.0, 1.0)
        velocity = velocity + force * physics["power"] - physics["gravity"] * np.cos(3 * position)
        velocity = np.clip(velocity, -_FASTEST, _FASTEST)
        position = np.clip(position + velocity, _LOWEST, _HIGHEST)
        return np.stack([position, np.where((position <= _LOWEST) & (velocity < 0), 0.0, velocity)], axis=1)

    def progress(self, states: Floats) -> Floats:
        """How far to the right a car is, from the left end to the flag."""
        return np.asarray(np.clip((states[:, 0] - _LOWEST) / (_NEAR_FLAG - _LOWEST), 0.0, 1.0))

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """Which cars are at the flag."""
        return np.asarray((states[:, 0] >= _NEAR_FLAG) & (states[:, 1] >= 0))

    def grade(self, ended: Ended) -> Floats:
        """1 at the flag; what never got there is told apart by how far it came."""
        return np.asarray(np.where(ended.succeeded, 1.0, 0.1 * ended.nearest))
