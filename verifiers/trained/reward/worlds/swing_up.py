"""Cart-pole swing-up: a pole that hangs from a cart must be swung up and kept standing, by pushing the cart alone.

The dynamics are those of Barto, Sutton and Anderson (1983) as in Gymnasium's ``CartPole-v1``, with a force of any size,
a start that hangs, and walls at which the cart stops, where CartPole ends an episode.
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

__all__ = ["SwingUp"]

_WALL, _FASTEST, _TURN, _STRONGEST, _SECONDS = 2.4, 10.0, 20.0, 10.0, 0.02
_HUMAN = """import numpy as np


def reward(obs, action, next_obs, info):
    upright = next_obs[:, 2]
    middle = 1.0 - (next_obs[:, 0] / 2.4) ** 2
    return (1.0 + upright) / 2.0 * (0.5 + 0.5 * middle) - 0.001 * action[:, 0] ** 2 / 100.0
"""
_SPARSE = """def reward(obs, action, next_obs, info):
    return 1.0 * (next_obs[:, 2] > 0.95)
"""


class SwingUp(Endless):
    """See `gristmill.verifiers.trained.reward.environment.Environment`; the score is the mean height."""

    name = "swing_up"
    story = (
        "A pole hangs from a cart on a track between two walls. Pushing the cart, it must be swung up, and then be "
        "kept standing while the cart stays on the track."
    )
    dynamics = (
        "with g = 9.8, cart 1 kg, pole 0.1 kg and half length 0.5 m: t = (force + 0.05 * turn**2 * sin(angle)) / 1.1; "
        "a = (9.8 * sin(angle) - cos(angle) * t) / (0.5 * (4/3 - 0.1 * cos(angle)**2 / 1.1)); position += 0.02 * "
        "velocity; velocity += 0.02 * (t - 0.05 * a * cos(angle) / 1.1); angle += 0.02 * turn; turn += 0.02 * a; at a "
        "wall the cart stops"
    )
    observation = (
        Quantity("position of the cart", -_WALL, _WALL, "walls at both ends"),
        Quantity("velocity of the cart", -_FASTEST, _FASTEST, scale=3.0),
        Quantity("cosine of the angle", -1.0, 1.0, "1 where the pole stands, -1 where it hangs"),
        Quantity("sine of the angle", -1.0, 1.0),
        Quantity("angular velocity", -_TURN, _TURN, scale=8.0),
    )
    actions = (Quantity("force on the cart", -_STRONGEST, _STRONGEST),)
    physics = (
        Parameter("gravity", 9.8, 6.0, 14.0),
        Parameter("cart", 1.0, 0.5, 2.0),
        Parameter("pole", 0.1, 0.05, 0.3),
        Parameter("half_length", 0.5, 0.3, 0.8),
    )
    episode_steps = 250
    measure = "mean height"
    grading = (
        "the height of the pole's end, from 0 where it hangs to 1 where it stands, in the mean over the 250 steps of "
        "fresh episodes"
    )
    training = PolicySettings(steps=524_288, learning_rate=2e-3, discount=0.98, entropy=0.0, bootstrap=True, hidden=32)
    lost = 0.3
    hint = "The pole hardly leaves its lowest point: the reward must pay for every swing that is higher."
    wanted = "a pole that stands"
    baselines = {"human": _HUMAN, "sparse": _SPARSE}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """At rest near the middle, the pole hanging almost straight down."""
        drawn = generator.uniform(-0.1, 0.1, (4, episodes))
        return _states(drawn[0], drawn[1], np.pi + drawn[2], drawn[3])

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """Push every cart."""
        position, velocity, _, _, turn, angle = states.T
        force = np.clip(actions[:, 0], -_STRONGEST, _STRONGEST)
        pole, half = physics["pole"], physics["half_length"]
        total, moment = physics["cart"] + pole, pole * half
        sine, cosine = np.sin(angle), np.cos(angle)
        push = (force + moment * turn**2 * sine) / total
        turning = (physics["gravity"] * sine - cosine * push) / (half * (4.0 / 3.0 - pole * cosine**2 / total))
        speeding = push - moment * turning * cosine / total
        position, angle = position + _SECONDS * velocity, angle + _SECONDS * turn
        velocity = np.clip(velocity + _SECONDS * speeding, -_FASTEST, _FASTEST)
        turn = np.clip(turn + _SECONDS * turning, -_TURN, _TURN)
        out = np.abs(position) >= _WALL
        return _states(np.clip(position, -_WALL, _WALL), np.where(out, 0.0, velocity), angle, turn)

    def progress(self, states: Floats) -> Floats:
        """The height of the pole's end."""
        return np.asarray((states[:, 2] + 1.0) / 2.0)


def _states(position: Floats, velocity: Floats, angle: Floats, turn: Floats) -> Floats:
    """What is observed, and the angle itself, which stays hidden."""
    return np.stack([position, velocity, np.cos(angle), np.sin(angle), turn, angle], axis=1)
