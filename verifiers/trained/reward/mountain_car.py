"""MountainCar: a car too weak for the hill must swing up.

The dynamics are those of Moore (1990) as in Gymnasium's ``MountainCar-v0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import Ended, Floats, Parameter, PolicySettings, Quantity

__all__ = ["MountainCar"]

_LOWEST, _HIGHEST = -1.2, 0.6
_FASTEST = 0.07
_FLAG = 0.5
_SPEED = """import numpy as np


def reward(obs, action, next_obs, info):
    return 10.0 * np.abs(next_obs[:, 1])
"""
_SPARSE = """def reward(obs, action, next_obs, info):
    return 1.0 * info["terminated"]
"""


class MountainCar:
    """See `gristmill.verifiers.trained.reward.environment.Environment`; the score is the success rate."""

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
    measure = "success rate"
    grading = "the share of fresh episodes in which the trained policy reaches the flag within 200 steps"
    training = PolicySettings()
    baselines = {"human": _SPEED, "sparse": _SPARSE}
    # Measured by benchmarks/known_functions.py; the best is told without its formula, which would be the answer.
    known = {"-1 a step": 0.22, "+1 at the goal": 0.19, "the best by hand": 1.0}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """At rest, near the bottom of the valley."""
        return np.stack([generator.uniform(-0.6, -0.4, episodes), np.zeros(episodes)], axis=1)

    def step(self, states: Floats, actions: NDArray[np.int64], physics: Mapping[str, float | Floats]) -> Floats:
        """Push every car by its action."""
        position, velocity = states.T
        velocity = velocity + (actions - 1) * physics["force"] - np.cos(3 * position) * physics["gravity"]
        velocity = np.minimum(np.maximum(velocity, -_FASTEST), _FASTEST)
        position = np.minimum(np.maximum(position + velocity, _LOWEST), _HIGHEST)
        velocity[(position <= _LOWEST) & (velocity < 0)] = 0.0
        return np.stack([position, velocity], axis=1)

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """Which cars are at the flag."""
        return np.asarray(states[:, 0] >= _FLAG)

    def grade(self, ended: Ended) -> Floats:
        """1 for a car that reached the flag, else 0."""
        return ended.succeeded.astype(np.float64)

    def advice(self, grades: Sequence[float]) -> str:
        """Whether the flag was ever reached."""
        if max(grades) == 0:
            return "The goal was never reached: the reward must point the way long before the goal is first seen."
        return "The policy did raise this reward, but that is not the same as reaching the goal more often."
