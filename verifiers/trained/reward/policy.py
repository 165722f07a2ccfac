"""The policy that a reward trains: a small network in numpy, and how often it reaches the goal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import ACTIONS, EPISODE_STEPS, Floats, MountainCars

__all__ = ["Net", "draw", "features", "network", "probabilities", "success_rate"]


@dataclass
class Net:
    """Two tanh layers and a linear one, with Adam, written out by hand."""

    weights: list[Floats]
    first: list[Floats] = field(default_factory=list)
    second: list[Floats] = field(default_factory=list)
    count: int = 0

    def forward(self, x: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
        """The output, and what `backward` needs."""
        w1, b1, w2, b2, w3, b3 = self.weights
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        return h2 @ w3 + b3, (x, h1, h2)

    def backward(self, kept: tuple[Floats, Floats, Floats], d_out: Floats) -> list[Floats]:
        """The weights' gradients from the output's."""
        x, h1, h2 = kept
        _, _, w2, _, w3, _ = self.weights
        d2 = (d_out @ w3.T) * (1 - h2 * h2)
        d1 = (d2 @ w2.T) * (1 - h1 * h1)
        return [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d_out, d_out.sum(0)]

    def adam(self, gradients: list[Floats], rate: float, most: float) -> None:
        """One step of Adam, the gradients' joint norm clipped to `most`."""
        if not self.first:
            self.first = [np.zeros_like(w) for w in self.weights]
            self.second = [np.zeros_like(w) for w in self.weights]
        self.count += 1
        norm = float(np.sqrt(sum(float((g * g).sum()) for g in gradients)))
        scale = min(1.0, most / (norm + 1e-8))
        step = rate * np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        for weight, gradient, m, v in zip(self.weights, gradients, self.first, self.second, strict=True):
            m += 0.1 * (gradient * scale - m)
            v += 0.001 * ((gradient * scale) ** 2 - v)
            weight -= step * m / (np.sqrt(v) + 1e-8)


def network(generator: np.random.Generator, hidden: int, outputs: int, gain: float) -> Net:
    """A fresh network with orthogonal weights; `gain` scales the last layer."""

    def layer(rows: int, columns: int, scale: float) -> Floats:
        square = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, _ = np.linalg.qr(square)
        return scale * (q if rows >= columns else q.T)

    root2 = float(np.sqrt(2))
    return Net(
        [
            layer(2, hidden, root2),
            np.zeros(hidden),
            layer(hidden, hidden, root2),
            np.zeros(hidden),
            layer(hidden, outputs, gain),
            np.zeros(outputs),
        ]
    )


def features(observation: Floats) -> Floats:
    """Position and velocity, brought to about unit range."""
    return (observation - (-0.3, 0.0)) / (0.9, 0.035)


def probabilities(logits: Floats) -> Floats:
    """Softmax by row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def draw(chances: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """One action a row, drawn by its row of probabilities."""
    below = generator.random((len(chances), 1)) > chances.cumsum(axis=1)[:, : ACTIONS - 1]
    return np.asarray(below.sum(axis=1))


def success_rate(actor: Net, generator: np.random.Generator, episodes: int) -> float:
    """Share of `episodes` fresh episodes, with the policy's likeliest action, that reach the goal."""
    cars = MountainCars(episodes, generator)
    done = np.zeros(episodes, dtype=bool)
    for _ in range(EPISODE_STEPS):
        logits, _ = actor.forward(features(cars.observe()))
        steps = cars.step(logits.argmax(axis=1))
        done |= steps.terminated
        if done.all():
            break
    return float(done.mean())
