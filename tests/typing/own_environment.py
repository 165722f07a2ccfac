"""An environment and a problem of a user's own. How far a cart has been is a column of its state that stays hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings, Problem
from gristmill.verifiers.trained.reward.environment import (
    Actions,
    Ended,
    Environment,
    Floats,
    Parameter,
    PolicySettings,
    Quantity,
)


class Far:
    """The farther a cart gets from where it began, the better."""

    name = "far"
    story = "A cart must get far to the right."
    dynamics = "position += push * (action - 1)"
    observation = (Quantity("position", -1, 1),)
    actions = ("pushes left", "waits", "pushes right")
    physics = (Parameter("push", 0.1, 0.05, 0.2),)
    episode_steps = 10
    goal = "the end was reached"
    measure = "reach"
    grading = "the farthest that the cart has been, 1 at the end"
    training = PolicySettings(steps=512, episodes=8, horizon=16, minibatches=2, checkpoints=2, graded_episodes=8)
    baselines: Mapping[str, str] = {}

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        return np.zeros((episodes, 2))

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        position = np.clip(states[:, 0] + physics["push"] * (actions - 1), -1, 1)
        return np.stack([position, np.maximum(states[:, 1], position)], axis=1)

    def progress(self, states: Floats) -> Floats:
        return np.asarray((states[:, 0] + 1) / 2)

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        return np.asarray(states[:, 0] >= 1)

    def grade(self, ended: Ended) -> Floats:
        return ended.states[:, 1]

    def advice(self, grades: Sequence[float]) -> str:
        return "Pay for every step to the right."


class Doubling:
    """A network learns to double a number."""

    name = "doubling"
    story = "A network learns to double a number."
    arguments = ("predictions", "values")
    received = "Both are float tensors of shape (n, 1)"
    model = "It is a single linear layer"
    outputs = 1
    measure = "fit"
    grading = "how near its doubles are"
    training = NetworkSettings(epochs=2)
    baselines: Mapping[str, str] = {}

    def data(self, generator: np.random.Generator) -> Data:
        x = generator.uniform(-1, 1, (100, 1)).astype(np.float32)
        return Data(x[::2], 2 * x[::2], x[1::2], 2 * x[1::2])

    def spoiled(self, targets: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        return targets

    def network(self, torch: ModuleType) -> Any:
        return torch.nn.Linear(1, 1)

    def grade(self, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
        return 1 - float(np.abs(outputs - targets).mean())

    def advice(self, grades: Sequence[float]) -> str | None:
        return None


ENVIRONMENT: Environment = Far()
PROBLEM: Problem = Doubling()
