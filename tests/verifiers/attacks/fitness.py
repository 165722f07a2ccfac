"""The smallest things to train with that tell a good function from a weak one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gristmill.verifiers.trained.loss.digits import DigitsLabelNoise
from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings
from gristmill.verifiers.trained.reward.environment import Actions, Ended, Floats, Parameter, PolicySettings, Quantity

__all__ = ["Halves", "Signs"]


class Signs:
    """Two numbers and two actions, of which one is right where the numbers have one sign, and the other elsewhere.

    A policy that has learned nothing is right in half of the steps, whatever it prefers: no luck raises a fitness. What
    is observed last, and what the core of an attack goes by, says nothing.
    """

    name, goal, measure = "signs", "never", "share"
    story, dynamics, grading = "Answer whether two signs are one.", "new numbers", "the share of right answers"
    observation = (Quantity("a", -1, 1), Quantity("b", -1, 1), Quantity("noise", -1, 1))
    actions = ("no", "yes")
    physics: Sequence[Parameter] = (Parameter("pace", 1.0, 0.5, 2.0),)
    episode_steps = 16
    training = PolicySettings(steps=60 * 16 * 16, episodes=16, horizon=16, checkpoints=4, learning_rate=4e-3)
    baselines: Mapping[str, str] = {}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        return np.concatenate([generator.uniform(-1, 1, (episodes, 3)), np.zeros((episodes, 1))], axis=1)

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, Any]) -> Floats:
        right = (states[:, 0] * states[:, 1] > 0) == (actions == 1)
        drawn = (states[:, :3] * 1e4 * physics["pace"] + 0.3) % 2 - 1
        return np.concatenate([drawn, right[:, None].astype(float)], axis=1)

    def progress(self, states: Floats) -> Floats:
        return states[:, 3].copy()

    def succeeded(self, states: Floats) -> Any:
        return np.zeros(len(states), dtype=bool)

    def grade(self, ended: Ended) -> Floats:
        return ended.progress

    def advice(self, grades: Sequence[float]) -> str:
        return ""


class Halves(DigitsLabelNoise):
    """Two clouds of points, many of them mislabelled, and a network without a hidden layer."""

    outputs = 2
    training = NetworkSettings(epochs=6, batch=64, learning_rate=0.01)

    def data(self, generator: np.random.Generator) -> Data:
        x = generator.standard_normal((600, 4)).astype(np.float32)
        y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(np.int64)
        return Data(x[:300], y[:300], x[300:], y[300:])

    def spoiled(self, targets: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(targets)) < 0.4, 1 - targets, targets)

    def network(self, torch: Any) -> Any:
        return torch.nn.Linear(4, 2)
