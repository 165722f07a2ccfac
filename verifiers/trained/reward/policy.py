"""The policy that a reward trains: a small network in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import Floats, Quantity

__all__ = ["Net", "adam", "draw", "features", "network", "probabilities"]


@dataclass
class Net:
    """Two tanh layers and a linear one, with Adam, written out by hand."""

    weights: list[Floats]
    moments: tuple[list[Floats], list[Floats]] = field(default_factory=lambda: ([], []))
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
        self.count += 1
        adam(self.weights, gradients, self.moments, self.count, rate, most)


def adam(
    weights: list[Floats],
    gradients: list[Floats],
    moments: tuple[list[Floats], list[Floats]],
    count: int,
    rate: float,
    most: float,
) -> None:
    """Step `count` of Adam, in place, the gradients' joint norm clipped to `most`; `moments` begin empty."""
    for each in moments:
        each += [] if each else [np.zeros_like(weight) for weight in weights]
    norm = float(np.sqrt(sum(float((g * g).sum()) for g in gradients)))
    scale = min(1.0, most / (norm + 1e-8))
    step = rate * np.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    for weight, gradient, m, v in zip(weights, gradients, *moments, strict=True):
        m += 0.1 * (gradient * scale - m)
        v += 0.001 * ((gradient * scale) ** 2 - v)
        weight -= step * m / (np.sqrt(v) + 1e-8)


def network(generator: np.random.Generator, inputs: int, hidden: int, outputs: int, gain: float) -> Net:
    """A fresh network with orthogonal weights; `gain` scales the last layer."""

    def layer(rows: int, columns: int, scale: float) -> Floats:
        square = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, _ = np.linalg.qr(square)
        return scale * (q if rows >= columns else q.T)

    root2 = float(np.sqrt(2))
    return Net(
        [
            layer(inputs, hidden, root2),
            np.zeros(hidden),
            layer(hidden, hidden, root2),
            np.zeros(hidden),
            layer(hidden, outputs, gain),
            np.zeros(outputs),
        ]
    )


def features(observation: Floats, quantities: Sequence[Quantity]) -> Floats:
    """An observation, brought to about unit range."""
    middle = [(quantity.low + quantity.high) / 2 for quantity in quantities]
    scale = [quantity.scale or (quantity.high - quantity.low) / 2 for quantity in quantities]
    return np.asarray((observation - middle) / scale)


def probabilities(logits: Floats) -> Floats:
    """Softmax by row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def draw(chances: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """One action a row, drawn by its row of probabilities."""
    below = generator.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]
    return np.asarray(below.sum(axis=1))
