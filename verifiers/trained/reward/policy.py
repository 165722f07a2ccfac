"""The policy that a reward trains: a small network in numpy, and how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import Ended, Environment, Episodes, Floats, Quantity
from gristmill.verifiers.trained.verifier import share

__all__ = ["Net", "draw", "features", "mean_grade", "network", "probabilities"]


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


def mean_grade(actor: Net, environment: Environment, generator: np.random.Generator, episodes: int) -> float:
    """The environment's grade of `episodes` fresh episodes with the policy's likeliest action, in the mean."""
    running = Episodes(environment, episodes, generator)
    states = np.zeros_like(running.states)
    succeeded = np.zeros(episodes, dtype=bool)
    steps = np.zeros(episodes, dtype=np.int64)
    for number in range(1, environment.episode_steps + 1):
        logits, _ = actor.forward(features(running.observe(), environment.observation))
        taken = running.step(logits.argmax(axis=1))
        now = (taken.terminated | taken.truncated) & (steps == 0)
        states[now], succeeded[now], steps[now] = taken.next_state[now], taken.terminated[now], number
        if steps.all():
            break
    return share(float(np.mean(environment.grade(Ended(states, succeeded, steps)))))
