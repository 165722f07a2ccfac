"""Acrobot: two links that hang from a bar, with a motor between them only, must swing above a line.

The dynamics are those of Sutton (1996) as in Gymnasium's ``Acrobot-v1``, its "book" variant: a step is .2 s, by one
step of Runge-Kutta of the fourth order.
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

__all__ = ["Acrobot"]

_FIRST, _SECOND, _SECONDS = 4 * np.pi, 9 * np.pi, 0.2
_LINE = 1.0
_HUMAN = """import numpy as np


def reward(obs, action, next_obs, info):
    height = -next_obs[:, 0] - (next_obs[:, 0] * next_obs[:, 2] - next_obs[:, 1] * next_obs[:, 3])
    return np.where(height > 1.0, 10.0, 0.5 * height - 1.0)
"""
_SPARSE = """import numpy as np


def reward(obs, action, next_obs, info):
    height = -next_obs[:, 0] - (next_obs[:, 0] * next_obs[:, 2] - next_obs[:, 1] * next_obs[:, 3])
    return np.where(height > 1.0, 0.0, -1.0)
"""


class Acrobot(World):
    """See `gristmill.verifiers.trained.reward.environment.Environment`; the score says how soon the line is crossed."""

    name = "acrobot"
    story = (
        "Two links hang from a bar, one below the other, and only the joint between them has a motor. Swinging, the "
        "free end must come above a line one link over the bar, as soon as it can."
    )
    dynamics = (
        "two links of 1 m and 1 kg, their centres in the middle, inertia 1, g = 9.8; the torque of -1, 0 or 1 acts on "
        "the joint between them; a step is 0.2 s"
    )
    observation = (
        Quantity("cosine of the first angle", -1.0, 1.0, "1 where the first link hangs"),
        Quantity("sine of the first angle", -1.0, 1.0),
        Quantity(
            "cosine of the second angle", -1.0, 1.0, "of the second link against the first: 1 where both are in line"
        ),
        Quantity("sine of the second angle", -1.0, 1.0),
        Quantity("first angular velocity", -_FIRST, _FIRST, scale=3.0),
        Quantity("second angular velocity", -_SECOND, _SECOND, scale=6.0),
    )
    actions = ("turns the joint by -1", "does nothing", "turns the joint by +1")
    physics = (
        Parameter("mass_1", 1.0, 0.5, 1.5),
        Parameter("mass_2", 1.0, 0.5, 1.5),
        Parameter("length_1", 1.0, 0.7, 1.3),
        Parameter("gravity", 9.8, 6.0, 14.0),
    )
    episode_steps = 500
    goal = "the free end was above the line"
    measure = "swing-up score"
    grading = (
        "for each fresh episode: where the line is crossed, 1 less half the share of the 500 steps that it took; else "
        "a tenth of the greatest height that the free end came to, from 0 at the bottom to 1 at the line"
    )
    training = PolicySettings(steps=196_608, episodes=32, horizon=128, discount=0.99, learning_rate=1e-3)
    lost = 0.1
    hint = "The line was never crossed: the reward must pay for every swing that is higher."
    wanted = "crossing the line sooner"
    baselines = {"human": _HUMAN, "sparse": _SPARSE}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """Hanging, almost at rest."""
        return _states(*generator.uniform(-0.1, 0.1, (4, episodes)))

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """Turn every joint by its action."""
        torque = np.asarray(actions, dtype=np.float64) - 1.0
        before = np.stack([states[:, 6], states[:, 7], states[:, 4], states[:, 5]])

        def moved(by: Floats | float, slope: Floats) -> Floats:
            return _slope(before + by * slope, torque, physics)

        half = _SECONDS / 2
        k1 = _slope(before, torque, physics)
        k2 = moved(half, k1)
        k3 = moved(half, k2)
        k4 = moved(_SECONDS, k3)
        first, second, turn_1, turn_2 = before + _SECONDS / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
        return _states(
            _wrapped(first), _wrapped(second), np.clip(turn_1, -_FIRST, _FIRST), np.clip(turn_2, -_SECOND, _SECOND)
        )

    def progress(self, states: Floats) -> Floats:
        """The height of the free end, from the bottom to the line."""
        return np.asarray(np.clip((_height(states) + 2.0) / 3.0, 0.0, 1.0))

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """Which free ends are above the line."""
        return np.asarray(_height(states) > _LINE)

    def grade(self, ended: Ended) -> Floats:
        """Sooner is better; what never got there is told apart by its height."""
        share = ended.steps / self.episode_steps
        return np.asarray(np.where(ended.succeeded, 1.0 - 0.5 * share, 0.1 * ended.nearest))


def _height(states: Floats) -> Floats:
    cosine_1, sine_1, cosine_2, sine_2 = states[:, :4].T
    return np.asarray(-cosine_1 - (cosine_1 * cosine_2 - sine_1 * sine_2))


def _slope(state: Floats, torque: Floats, physics: Mapping[str, float | Floats]) -> Floats:
    """How fast both angles and both velocities change; centres in the middle, inertia 1 for both links."""
    first, second, turn_1, turn_2 = state
    m1, m2, l1, g = physics["mass_1"], physics["mass_2"], physics["length_1"], physics["gravity"]
    lc1, lc2 = l1 / 2, 0.5
    d1 = m1 * lc1**2 + m2 * (l1**2 + lc2**2 + 2 * l1 * lc2 * np.cos(second)) + 2.0
    d2 = m2 * (lc2**2 + l1 * lc2 * np.cos(second)) + 1.0
    phi2 = m2 * lc2 * g * np.cos(first + second - np.pi / 2.0)
    phi1 = (
        -m2 * l1 * lc2 * turn_2**2 * np.sin(second)
        - 2 * m2 * l1 * lc2 * turn_2 * turn_1 * np.sin(second)
        + (m1 * lc1 + m2 * l1) * g * np.cos(first - np.pi / 2)
        + phi2
    )
    second_turn = (torque + d2 / d1 * phi1 - m2 * l1 * lc2 * turn_1**2 * np.sin(second) - phi2) / (
        m2 * lc2**2 + 1.0 - d2**2 / d1
    )
    first_turn = -(d2 * second_turn + phi1) / d1
    return np.stack([turn_1, turn_2, first_turn, second_turn])


def _wrapped(angle: Floats) -> Floats:
    """Within -pi to pi."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def _states(first: Floats, second: Floats, turn_1: Floats, turn_2: Floats) -> Floats:
    """What is observed, and the angles themselves, which stay hidden."""
    parts = [np.cos(first), np.sin(first), np.cos(second), np.sin(second), turn_1, turn_2, first, second]
    return np.stack(parts, axis=1)
