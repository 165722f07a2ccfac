"""Pendulum: swing a pole up with a motor that is too weak to lift it, and keep it there.

The dynamics are those of Gymnasium's ``Pendulum-v1``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gristmill.verifiers.trained.reward.environment import (
    Actions,
    Floats,
    Parameter,
    PolicySettings,
    Quantity,
)
from gristmill.verifiers.trained.reward.worlds.base import Endless

__all__ = ["Pendulum"]

_FASTEST, _STRONGEST, _SECONDS = 8.0, 2.0, 0.05
_NATIVE = """import numpy as np


def reward(obs, action, next_obs, info):
    angle = np.arctan2(obs[:, 1], obs[:, 0])
    return -(angle**2 + 0.1 * obs[:, 2] ** 2 + 0.001 * action[:, 0] ** 2)
"""
_SPARSE = """def reward(obs, action, next_obs, info):
    return 1.0 * (next_obs[:, 0] > 0.95)
"""


class Pendulum(Endless):
    """See `gristmill.verifiers.trained.reward.environment.Environment`; the score is the mean height."""

    name = "pendulum"
    story = (
        "A pole hangs from a motor that is too weak to lift it straight up: it must be swung back and forth, and then "
        "be kept standing."
    )
    dynamics = (
        "angular velocity += (15 * sin(angle) + 3 * torque) * 0.05; it is kept in its range; angle += angular velocity "
        "* 0.05; the angle is 0 where the pole stands"
    )
    observation = (
        Quantity("cosine of the angle", -1.0, 1.0, "1 where the pole stands, -1 where it hangs"),
        Quantity("sine of the angle", -1.0, 1.0),
        Quantity("angular velocity", -_FASTEST, _FASTEST),
    )
    actions = (Quantity("torque", -_STRONGEST, _STRONGEST),)
    physics = (
        Parameter("gravity", 10.0, 5.0, 15.0),
        Parameter("mass", 1.0, 0.5, 1.5),
        Parameter("length", 1.0, 0.7, 1.3),
    )
    episode_steps = 200
    measure = "mean height"
    grading = (
        "the height of the pole's end, from 0 where it hangs to 1 where it stands, in the mean over the 200 steps of "
        "fresh episodes"
    )
    training = PolicySettings(steps=262_144, learning_rate=2e-3, discount=0.95, entropy=0.0, bootstrap=True, hidden=32)
    lost = 0.5
    hint = "The pole never stays above the middle: the reward must pay for swinging before it pays for standing."
    wanted = "a pole that stands"
    baselines = {"human": _NATIVE, "sparse": _SPARSE}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """At any angle, turning slowly."""
        return _states(generator.uniform(-np.pi, np.pi, episodes), generator.uniform(-1.0, 1.0, episodes))

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """Turn every pole by its torque."""
        velocity, angle = states[:, 2], states[:, 3]
        torque = np.clip(actions[:, 0], -_STRONGEST, _STRONGEST)
        gravity, mass, length = physics["gravity"], physics["mass"], physics["length"]
        turn = 3 * gravity / (2 * length) * np.sin(angle) + 3.0 / (mass * length**2) * torque
        velocity = np.clip(velocity + turn * _SECONDS, -_FASTEST, _FASTEST)
        return _states(angle + velocity * _SECONDS, velocity)

    def progress(self, states: Floats) -> Floats:
        """The height of the pole's end."""
        return np.asarray((states[:, 0] + 1.0) / 2.0)


def _states(angle: Floats, velocity: Floats) -> Floats:
    """What is observed, and the angle itself, which stays hidden."""
    return np.stack([np.cos(angle), np.sin(angle), velocity, angle], axis=1)
