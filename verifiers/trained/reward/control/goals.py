"""Worlds with a place to come to: Box2D's lunar lander and MuJoCo's reacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gristmill.verifiers.trained.reward.control.environment import TRAINING, GymnasiumWorld
from gristmill.verifiers.trained.reward.environment import Ended, Floats, Quantity

__all__ = ["LunarLander", "Reacher"]

_PAD = 0.2
_SHAPED = """import numpy as np


def potential(obs):
    far, fast = np.hypot(obs[:, 0], obs[:, 1]), np.hypot(obs[:, 2], obs[:, 3])
    return -100 * far - 100 * fast - 100 * np.abs(obs[:, 4]) + 10 * obs[:, 6] + 10 * obs[:, 7]


def reward(obs, action, next_obs, info):
    fuel = np.where(action == 2, 0.3, np.where(action == 0, 0.0, 0.03))
    out = np.abs(next_obs[:, 0]) >= 1.0
    return np.where(out, -100.0, potential(next_obs) - potential(obs) - fuel)
"""
_DOWN = """import numpy as np


def reward(obs, action, next_obs, info):
    on_pad = (np.abs(next_obs[:, 0]) < 0.2) & (next_obs[:, 6] > 0.5) & (next_obs[:, 7] > 0.5)
    return 1.0 * (on_pad & (np.hypot(next_obs[:, 2], next_obs[:, 3]) < 0.05))
"""
_NEAR = """import numpy as np


def reward(obs, action, next_obs, info):
    return -np.hypot(next_obs[:, 8], next_obs[:, 9]) - (action**2).sum(axis=1)
"""
_THERE = """import numpy as np


def reward(obs, action, next_obs, info):
    return 1.0 * (np.hypot(next_obs[:, 8], next_obs[:, 9]) < 0.02)
"""


class LunarLander(GymnasiumWorld):
    """See `Simulation`; gymnasium's ``LunarLander-v3``."""

    name, id = "lunar_lander", "LunarLander-v3"
    story = (
        "A lander falls towards the moon with a random push. With a main engine below and one at each side it must "
        "come to rest on its two legs, on the pad between two flags."
    )
    dynamics = (
        "Box2D: gravity 10 downwards; an engine that is fired gives a push for one step of 0.02 s, the main one "
        "along the hull's axis, a side one sideways and turning. An episode ends where the hull touches the ground, "
        "where the lander has come to rest, and where it leaves the screen at the sides"
    )
    observation = (
        Quantity("horizontal place", -1.0, 1.0, "the pad lies from -0.2 to 0.2"),
        Quantity("height", -0.5, 2.0, "0 on the pad", scale=1.0),
        Quantity("horizontal velocity", -2.0, 2.0, "of these places a second, times 2", scale=1.0),
        Quantity("vertical velocity", -2.0, 2.0, "negative where it falls", scale=1.0),
        Quantity("angle", -3.2, 3.2, "radians; 0 where it stands upright", scale=1.0),
        Quantity("angular velocity", -5.0, 5.0, "0.4 times radians a second", scale=1.0),
        Quantity("contact of the left leg", 0.0, 1.0, "1 on the ground"),
        Quantity("contact of the right leg", 0.0, 1.0, "1 on the ground"),
    )
    actions = ("does nothing", "fires the left engine", "fires the main engine", "fires the right engine")
    episode_steps = 1000
    goal = "the lander has come to rest, has touched the ground with its hull, or has left the screen"
    measure = "landing score"
    grading = (
        "for each fresh episode of at most 1000 steps: 1 where the lander comes to rest on its legs on the pad, 0.5 "
        "where it does so elsewhere, else a quarter of 1 - (distance to the pad + speed) / 2 in its last step, at "
        "least 0"
    )
    lost = 0.25
    hint = (
        "No lander ever came to rest on its legs: the reward must lead it down to the pad, slowly and upright, and "
        "may not pay for staying in the air."
    )
    wanted = "coming to rest on the pad"
    training = replace(TRAINING, discount=0.999)
    baselines = {"human": _SHAPED, "sparse": _DOWN}

    def progress(self, env: Any) -> float:
        """1 at rest, else 0."""
        return float(self.succeeded(env))

    def succeeded(self, env: Any) -> bool:
        """Whether it has come to rest, its hull untouched."""
        return not env.unwrapped.lander.awake and not env.unwrapped.game_over

    def grade(self, ended: Ended) -> Floats:
        """What lands scores more than all that does not."""
        x, y, to_side, upwards = ended.states[:, :4].T
        near = np.clip(1.0 - (np.hypot(x, y) + np.hypot(to_side, upwards)) / 2.0, 0.0, 1.0)
        return np.asarray(np.where(ended.succeeded, np.where(np.abs(x) <= _PAD, 1.0, 0.5), 0.25 * near))


class Reacher(GymnasiumWorld):
    """See `Simulation`; gymnasium's ``Reacher-v5``."""

    name, id = "reacher", "Reacher-v5"
    story = "An arm of two links in a plane must bring its fingertip to a target that lies elsewhere in each episode."
    dynamics = (
        "MuJoCo: two links of 0.1 m; the torque on each joint is 200 times its action on a gear, against damping; a "
        "step is 0.02 s"
    )
    observation = (
        Quantity("cosine of the first angle", -1.0, 1.0),
        Quantity("cosine of the second angle", -1.0, 1.0),
        Quantity("sine of the first angle", -1.0, 1.0),
        Quantity("sine of the second angle", -1.0, 1.0),
        Quantity("x of the target", -0.2, 0.2, "m"),
        Quantity("y of the target", -0.2, 0.2, "m"),
        Quantity("angular velocity of the first link", -30.0, 30.0, "radians a second", scale=10.0),
        Quantity("angular velocity of the second link", -30.0, 30.0, "radians a second", scale=10.0),
        Quantity("x of the fingertip less that of the target", -0.4, 0.4, "m", scale=0.2),
        Quantity("y of the fingertip less that of the target", -0.4, 0.4, "m", scale=0.2),
    )
    actions: Sequence[Quantity] = (
        Quantity("torque on the first joint", -1.0, 1.0),
        Quantity("torque on the second joint", -1.0, 1.0),
    )
    episode_steps = 50
    measure = "closeness"
    grading = (
        "1 - distance / 0.2 m between fingertip and target, at least 0, in the mean over the 50 steps of fresh episodes"
    )
    lost = 0.3
    hint = "The fingertip stays far from the target: the reward must pay for every step that brings it nearer."
    wanted = "a fingertip that stays at the target"
    training = replace(TRAINING, checkpoint_episodes=16, graded_episodes=64, discount=0.95)
    baselines = {"human": _NEAR, "sparse": _THERE}

    def progress(self, env: Any) -> float:
        """1 at the target, 0 from .2 m on."""
        inner = env.unwrapped
        away = inner.get_body_com("fingertip") - inner.get_body_com("target")
        return max(0.0, 1.0 - float(np.linalg.norm(away)) / 0.2)
