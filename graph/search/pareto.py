"""A front of hypotheses that are best at single instances, and merges of those that are good at different ones.

After GEPA (Agrawal et al., arXiv 2507.19457): a parent is drawn by the instances at which it is best, so that an idea
that solves a hard instance lives on although it is worse on the whole; two that are each better somewhere are merged.

Departures:

- The best overall has a share of its own (`_BEST`). Where instances are only solved or not, most members of the front
  are equal at most instances, and drawing by instance would leave the best overall no more than chance.
- Of equals at an instance eight are held, those that are better overall, and the better of two drawn is the parent.
- Every instance is scored always, so there is no minibatch before which a child has to prove itself.
- A pair is merged once. Instances are compared by order only, so a choice is the same for score·k + b, k > 0.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import cast

from gristmill.graph.search.base import Operator, Plan
from gristmill.graph.search.history import Fold, Past, Place
from gristmill.graph.search.rows import Row

__all__ = ["Front", "Pareto"]

_BEST, _MERGE, _HELD = 0.3, 0.2, 8
_GAINING: tuple[Operator, ...] = ("improve", "adjust", "improve", "another")
_MENDING: tuple[Operator, ...] = ("repair", "repair", "another")


class Front:
    """Who is best at each instance, as a fold."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, list[Row]]] = {}
        self._names: list[str] = []

    def add(self, row: Row) -> None:
        """Take a row; what cannot be used is at no front."""
        if not row.usable:
            return
        for name, value in zip(*row.scores, strict=True):
            most, rows = self._held.get(name, (float("-inf"), []))
            if name not in self._held:
                self._names.append(name)
            if value > most:
                self._held[name] = value, [row]
            elif value == most and all(each.content != row.content for each in rows):
                rows.append(row)
                if len(rows) > _HELD:
                    rows.remove(max(rows, key=lambda each: each.rank))
                self._held[name] = most, rows
            else:
                self._held.setdefault(name, (most, rows))

    def __bool__(self) -> bool:
        return any(rows for _, rows in self._held.values())

    def held(self) -> list[tuple[str, list[Row]]]:
        """Each instance with those that are best at it."""
        return [(name, self._held[name][1]) for name in self._names]

    def pick(self, chance: random.Random) -> Row:
        """One that is best at an instance; there must be one."""
        names = [name for name in self._names if self._held[name][1]]
        rows = self._held[chance.choice(names)][1]
        return min((chance.choice(rows) for _ in range(2)), key=lambda row: row.rank)


class Pareto:
    """Search by the front per instance; where no instance has a score of its own, by the best."""

    name = "pareto"

    def __init__(self, drafts: int = 4) -> None:
        self.drafts = drafts

    @property
    def folds(self) -> Mapping[str, Callable[[], Fold]]:
        """The front."""
        return {"front": Front}

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """The best, one of the front, or two of it that complement each other."""
        chance, front = random.Random(draw), cast("Front", history.folds["front"])
        leaders = history.leaders(1)
        if len(history) + place.sample < self.drafts or not leaders:
            return Plan()
        parent = leaders[0] if not front or chance.random() < _BEST else front.pick(chance)
        if front and chance.random() < _MERGE:
            other = front.pick(chance)
            if _complement(parent, other) and not _merged(history, parent, other):
                return Plan(parents=(parent.id, other.id), operator="cross")
        tries = len(history.children(parent.id)) + place.sample
        operators = _GAINING if parent.passed or parent.graded else _MENDING
        operator = operators[tries % len(operators)]
        if operator == "adjust" and not parent.graded:
            operator = "improve"
        return Plan(parents=(parent.id,), operator=operator)


def _complement(one: Row, other: Row) -> bool:
    """Whether each is better than the other somewhere."""
    if one.scores.names != other.scores.names:
        return one.content != other.content
    pairs = list(zip(one.scores.values, other.scores.values, strict=True))
    return any(a > b for a, b in pairs) and any(b > a for a, b in pairs)


def _merged(history: Past, one: Row, other: Row) -> bool:
    both = {one.id, other.id}
    return any(set(row.parents) == both for id_ in both for row in history.children(id_))
