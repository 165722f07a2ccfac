"""What a policy's network says about actions: chances of numbered ones, or the middle of a spread of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from gristmill.verifiers.trained.reward.environment import Actions, Environment, Floats, Quantity, is_continuous
from gristmill.verifiers.trained.reward.policy import adam, draw, probabilities

__all__ = ["Head", "head"]

_START = -0.5
"""Natural logarithm of the spread at the beginning, in half ranges of an action."""


class Head(Protocol):
    """Reads the last layer of an actor, `outputs` columns wide. What is drawn is what the policy learns from."""

    outputs: int

    def draw(self, out: Floats, generator: np.random.Generator) -> tuple[Actions, Floats]:
        """Actions drawn, one a row, and the logarithms of their chances."""
        ...

    def likeliest(self, out: Floats) -> Actions:
        """The likeliest action of each row."""
        ...

    def applied(self, drawn: Actions) -> Actions:
        """What the world gets of what was drawn."""
        ...

    def logs(self, out: Floats, drawn: Actions) -> tuple[Floats, Any]:
        """The logarithms of the chances of what was drawn, and what `slope` needs."""
        ...

    def slope(self, kept: Any, drawn: Actions, pull: Floats, entropy: float, rate: float, most: float) -> Floats:
        """The gradient by `out`, where `pull` is that by the logarithms; what is learned beside the network learns."""
        ...


class Numbered:
    """Actions by number: softmax."""

    def __init__(self, count: int) -> None:
        self.outputs = count

    def draw(self, out: Floats, generator: np.random.Generator) -> tuple[Actions, Floats]:
        """See `Head`."""
        chances = probabilities(out)
        drawn = draw(chances, generator)
        return drawn, np.log(chances[np.arange(len(out)), drawn] + 1e-12)

    def likeliest(self, out: Floats) -> Actions:
        """See `Head`."""
        return np.asarray(out.argmax(axis=1))

    def applied(self, drawn: Actions) -> Actions:
        """The same."""
        return drawn

    def logs(self, out: Floats, drawn: Actions) -> tuple[Floats, Any]:
        """See `Head`."""
        chances = probabilities(out)
        logs = np.log(chances + 1e-12)
        return logs[np.arange(len(out)), drawn], (chances, logs)

    def slope(self, kept: Any, drawn: Actions, pull: Floats, entropy: float, rate: float, most: float) -> Floats:
        """See `Head`."""
        chances, logs = kept
        count = len(chances)
        slope = -chances * pull[:, None]
        slope[np.arange(count), drawn] += pull
        spread = -(chances * logs).sum(axis=1, keepdims=True)
        slope += entropy / count * chances * (logs + spread)
        return np.asarray(slope)


class Spread:
    """Real actions: a normal distribution around what the network says, in half ranges; its width is learned apart."""

    def __init__(self, ranges: Sequence[Quantity]) -> None:
        self.outputs = len(ranges)
        self._middle = np.array([(each.low + each.high) / 2 for each in ranges])
        self._half = np.array([(each.high - each.low) / 2 for each in ranges])
        self._width = [np.full(len(ranges), _START)]
        self._moments: tuple[list[Floats], list[Floats]] = ([], [])
        self._count = 0

    def draw(self, out: Floats, generator: np.random.Generator) -> tuple[Actions, Floats]:
        """See `Head`."""
        drawn = out + np.exp(self._width[0]) * generator.standard_normal(out.shape)
        return drawn, self.logs(out, drawn)[0]

    def likeliest(self, out: Floats) -> Actions:
        """See `Head`."""
        return out

    def applied(self, drawn: Actions) -> Actions:
        """Within the ranges."""
        return np.asarray(np.clip(drawn, -1.0, 1.0) * self._half + self._middle)

    def logs(self, out: Floats, drawn: Actions) -> tuple[Floats, Any]:
        """See `Head`; a constant is left out."""
        away = (drawn - out) / np.exp(self._width[0])
        return -(away**2 / 2 + self._width[0]).sum(axis=1), away

    def slope(self, kept: Any, drawn: Actions, pull: Floats, entropy: float, rate: float, most: float) -> Floats:
        """See `Head`."""
        away: Floats = kept
        by_out = pull[:, None] * away / np.exp(self._width[0])
        by_width = (pull[:, None] * (away**2 - 1)).sum(axis=0) - entropy
        self._count += 1
        adam(self._width, [by_width], self._moments, self._count, rate, most)
        self._width[0][:] = np.clip(self._width[0], -3.0, 0.5)
        return np.asarray(by_out)


def head(environment: Environment) -> Head:
    """The one that fits the actions of an environment."""
    actions = environment.actions
    return Spread(actions) if is_continuous(actions) else Numbered(len(actions))
