"""MuJoCo's swimmer, hopper and half cheetah, and Box2D's walker: how far forward a body gets.

The distance is read off the simulation. It is not observed, so no reward is made of it; the speed of the body is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gristmill.verifiers.trained.reward.control.environment import TRAINING, GymnasiumWorld
from gristmill.verifiers.trained.reward.environment import Ended, Floats, Quantity

__all__ = ["BipedalWalker", "HalfCheetah", "Hopper", "Swimmer"]


def _angles(*names: str) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"angle of the {name}", -3.2, 3.2, "radians", scale=1.0) for name in names)


def _turns(*names: str) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"angular velocity of the {name}", -10.0, 10.0, "may go beyond", 5.0) for name in names)


def _speeds(what: str, *directions: str) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"{each} velocity of the {what}", -10.0, 10.0, "m/s", scale=3.0) for each in directions)


def _torques(*names: str) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"torque on the {name}", -1.0, 1.0) for name in names)


class _Runner(GymnasiumWorld):
    """Graded by the farthest that it came forward: d / (d + half)."""

    half: float
    """The distance, in metres, that is graded .5."""
    episode_steps = 1000
    measure = "distance score"
    lost = 0.1
    hint = "The body hardly gets away from where it began: the reward must pay for forward velocity."
    wanted = "getting farther"

    def forward(self, env: Any) -> float:
        """Metres from where episodes begin."""
        return float(env.unwrapped.data.qpos[0])

    def progress(self, env: Any) -> float:
        """d / (d + half) for a distance d; nothing backwards."""
        distance = max(0.0, self.forward(env))
        return distance / (distance + self.half)

    def grade(self, ended: Ended) -> Floats:
        """Of the farthest."""
        return ended.nearest


def _grading(half: float, steps: int = 1000) -> str:
    return (
        f"for each fresh episode of at most {steps} steps: d / (d + {half:g}), where d is the farthest that the "
        "trained policy came forward, in metres"
    )


class Swimmer(_Runner):
    """See `Simulation`; gymnasium's ``Swimmer-v5``."""

    name, id = "swimmer", "Swimmer-v5"
    story = (
        "Three links, joined in a row, lie in a viscous fluid. Bending its two joints, the swimmer must get as far "
        "as it can along the x-axis."
    )
    dynamics = (
        "MuJoCo: three links of 0.1 m; the torque on each joint is 150 times its action, the fluid drags by its "
        "viscosity of 0.1; a step is 0.04 s, an episode begins almost at rest, stretched along the x-axis"
    )
    observation = (
        *_angles("front link", "first joint", "second joint"),
        *_speeds("front tip", "x", "y"),
        *_turns("front link", "first joint", "second joint"),
    )
    actions: Sequence[Quantity] = _torques("first joint", "second joint")
    half = 3.0
    grading = _grading(half)
    training = replace(TRAINING, discount=0.999)
    baselines = {
        "human": (
            "def reward(obs, action, next_obs, info):\n    return next_obs[:, 3] - 1e-4 * (action**2).sum(axis=1)\n"
        ),
        "sparse": "def reward(obs, action, next_obs, info):\n    return 1.0 * (next_obs[:, 3] > 0.1)\n",
    }


class Hopper(_Runner):
    """See `Simulation`; gymnasium's ``Hopper-v5``."""

    name, id = "hopper", "Hopper-v5"
    story = "A leg with a torso, thigh, leg and foot must hop forward as far as it can, and not fall."
    dynamics = (
        "MuJoCo: torso, thigh, leg and foot in a plane; the torque on each of three joints is 200 times its action; "
        "a step is 0.008 s. An episode ends as a fall where the torso's height is 0.7 m or less, its angle is beyond "
        "0.2, or any other observed number is beyond 100"
    )
    observation = (
        Quantity("height of the torso", 0.0, 2.0, "1.25 m where it stands", scale=0.5),
        *_angles("torso", "thigh joint", "leg joint", "foot joint"),
        *_speeds("torso", "x", "z"),
        *_turns("torso", "thigh joint", "leg joint", "foot joint"),
    )
    actions: Sequence[Quantity] = _torques("thigh joint", "leg joint", "foot joint")
    goal = "it has fallen"
    half = 3.0
    grading = _grading(half)
    baselines = {
        "human": (
            "import numpy as np\n\n\n"
            "def reward(obs, action, next_obs, info):\n"
            "    healthy = (next_obs[:, 0] > 0.7) & (np.abs(next_obs[:, 1]) < 0.2)\n"
            "    return next_obs[:, 5] + healthy - 1e-3 * (action**2).sum(axis=1)\n"
        ),
        "sparse": "def reward(obs, action, next_obs, info):\n    return 1.0 * (next_obs[:, 5] > 1.0)\n",
    }


class HalfCheetah(_Runner):
    """See `Simulation`; gymnasium's ``HalfCheetah-v5``."""

    name, id = "half_cheetah", "HalfCheetah-v5"
    story = "A body on two legs, a front one and a back one, must run forward as far as it can."
    dynamics = (
        "MuJoCo: a torso with two legs of thigh, shin and foot in a plane; the torque on each joint is its action "
        "times 120, 90, 60 for the back thigh, shin and foot and 120, 60, 30 for the front ones; a step is 0.05 s"
    )
    observation = (
        Quantity("height of the torso", -1.0, 1.0, "0 where it stands", scale=0.3),
        *_angles("torso", "back thigh", "back shin", "back foot", "front thigh", "front shin", "front foot"),
        *_speeds("torso", "x", "z"),
        *_turns("torso", "back thigh", "back shin", "back foot", "front thigh", "front shin", "front foot"),
    )
    actions: Sequence[Quantity] = _torques(
        "back thigh", "back shin", "back foot", "front thigh", "front shin", "front foot"
    )
    half = 50.0
    grading = _grading(half)
    baselines = {
        "human": (
            "def reward(obs, action, next_obs, info):\n    return next_obs[:, 8] - 0.1 * (action**2).sum(axis=1)\n"
        ),
        "sparse": "def reward(obs, action, next_obs, info):\n    return 1.0 * (next_obs[:, 8] > 1.0)\n",
    }


class BipedalWalker(_Runner):
    """See `Simulation`; gymnasium's ``BipedalWalker-v3``."""

    name, id = "bipedal_walker", "BipedalWalker-v3"
    story = (
        "A hull on two legs, each with a hip and a knee, must walk over rough ground as far as it can, and not fall."
    )
    dynamics = (
        "Box2D: motors of hips and knees turn in the direction of an action's sign, with a torque of up to 80 times "
        "its size; ten rays measure how far the ground is; a step is 0.02 s. An episode ends where the hull touches "
        "the ground, and at the end of the ground, after 88 m"
    )
    observation = (
        Quantity("angle of the hull", -3.2, 3.2, "radians", scale=1.0),
        Quantity("angular velocity of the hull", -5.0, 5.0, "0.04 times radians a second", scale=1.0),
        Quantity("x velocity of the hull", -5.0, 5.0, "0.12 times m/s", scale=1.0),
        Quantity("y velocity of the hull", -5.0, 5.0, "0.12 times m/s", scale=1.0),
        *(
            quantity
            for leg in ("first", "second")
            for quantity in (
                Quantity(f"angle of the {leg} hip", -3.2, 3.2, scale=1.0),
                Quantity(f"speed of the {leg} hip", -5.0, 5.0, scale=1.0),
                Quantity(f"angle of the {leg} knee, and 1", -3.2, 3.2, scale=1.0),
                Quantity(f"speed of the {leg} knee", -5.0, 5.0, scale=1.0),
                Quantity(f"contact of the {leg} leg", 0.0, 1.0, "1 on the ground"),
            )
        ),
        *(Quantity(f"ray {number}", 0.0, 1.0, "share of its length that is free") for number in range(10)),
    )
    actions: Sequence[Quantity] = _torques("first hip", "first knee", "second hip", "second knee")
    episode_steps = 1600
    goal = "it has fallen, or is at the end"
    half = 20.0
    grading = _grading(half, episode_steps)
    baselines = {
        "human": (
            "import numpy as np\n\n\n"
            "def reward(obs, action, next_obs, info):\n"
            "    forward = 130 / 30 * (next_obs[:, 2] / 0.12) / 50\n"
            "    upright = -5.0 * (np.abs(next_obs[:, 0]) - np.abs(obs[:, 0]))\n"
            "    return forward + upright - 0.028 * np.abs(action).sum(axis=1)\n"
        ),
        "sparse": "def reward(obs, action, next_obs, info):\n    return 1.0 * (next_obs[:, 2] > 0.1)\n",
    }

    def forward(self, env: Any) -> float:
        """Metres from where the hull begins."""
        return float(env.unwrapped.hull.position.x) - 14 / 30 * 10
