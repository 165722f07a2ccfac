"""A tree of drafts, repairs and improvements: what is built on next has the best child or was hardly tried.

Drafts and repairs after AIDE (Jiang et al., arXiv 2502.13138): some hypotheses from scratch, half of the places for
what broke as long as something has, at most three repairs deep. Else PUCT after TTT-Discover (2026): the node with the
greatest Q + c·P·√(1 + T)/(1 + n), where Q is the value of its best child (its own without one), P falls with its rank,
n counts what was built on it and T all rows. A batch blocks whole lineages: places of one round build on nodes of which
none descends from another, as long as there are such.

Departures: values are ranks among those of the nodes at work, 0 to 1, so that a choice is the same for score·k + b,
k > 0, and a scale that changes late changes nothing; at most 128 nodes are at work, and two children of a parent; where
the best has not become better for long, one place in ten is a draft again.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from typing import cast

from gristmill.graph.search.base import Operator, Plan
from gristmill.graph.search.history import Fold, Past, Place
from gristmill.graph.search.rows import Rank, Row
from gristmill.graph.stopping.ranking import Merit
from gristmill.verifiers.records import Outcome

__all__ = ["Nodes", "Tree"]

_BROKEN = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.INVALID)
_AT_WORK, _KEPT, _DEEP = 128, 2, 3
"""Nodes that may be built on, of them children of one parent, and repairs in a row."""
_C = 1.0
_STALE = 60
"""Rows without a better best after which drafts are asked for again."""
_OF_A_CHILD: tuple[Operator, ...] = ("improve", "adjust", "improve", "another")


class _Node:
    __slots__ = ("children", "kept", "repairs", "row", "tries", "value")

    def __init__(self, row: Row, repairs: int) -> None:
        self.row, self.repairs = row, repairs
        self.value: Merit = row.merit
        self.tries = self.children = 0
        self.kept: list[_Node] = []


class Nodes:
    """The tree, as a fold."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Node] = {}
        self._work: list[_Node] = []
        self._broken: list[_Node] = []
        self._best: Merit | None = None
        self._ordered: tuple[int, list[_Node]] = (-1, [])
        self.rows = self.stale = 0

    def add(self, row: Row) -> None:
        """Take a row; one of a hypothesis that was not judged only counts as a try."""
        self.rows += 1
        self.stale += 1
        parent = self._by_id.get(row.parents[0]) if row.parents else None
        if parent is not None:
            parent.tries += 1
        if row.outcome is Outcome.UNSCORED or (row.repeated and not row.usable):
            return
        broken = row.outcome in _BROKEN
        repairs = parent.repairs + 1 if parent is not None and broken and parent.row.outcome in _BROKEN else 0
        node = self._by_id[row.id] = _Node(row, repairs)
        if broken:
            if repairs < _DEEP:
                self._broken = [*self._broken[-31:], node]
            return
        if self._best is None or row.merit > self._best:
            self._best, self.stale = row.merit, 0
        if parent is not None:
            parent.value = max(parent.value, row.merit) if parent.children else row.merit
            parent.children += 1
        self._employ(node, parent)

    def broken(self) -> list[_Node]:
        """What may be repaired: it broke, and nothing was built on it; the latest last."""
        return [node for node in self._broken if not node.tries]

    def ordered(self, past: int) -> list[_Node]:
        """The nodes at work, the one to build on next first; remembered for a `past` of so many rows."""
        if self._ordered[0] != past:
            values = sorted({value for node in self._work for value in (node.value, node.row.merit)})
            top, seen = max(1, len(values) - 1), math.sqrt(1 + self.rows)
            count = len(self._work)
            prior = 2.0 / (count * (count + 1)) if count else 0.0
            scored = []
            for rank, node in enumerate(self._work):
                own, best = bisect_left(values, node.row.merit), bisect_left(values, node.value)
                value = (own + max(own, best)) / (2 * top)
                scored.append((-value - _C * (count - rank) * prior * seen / (1 + node.tries), rank, node))
            self._ordered = past, [node for _, _, node in sorted(scored, key=lambda each: each[:2])]
        return self._ordered[1]

    def apart(self, past: int, number: int) -> _Node:
        """The `number`-th of those to build on in one round: none descends from another while there are such."""
        ordered = self.ordered(past)
        chosen: list[_Node] = []
        while len(chosen) <= number:
            blocked: set[str] = set()
            begun = len(chosen)
            lines: list[set[str]] = []
            for node in ordered:
                if len(chosen) > number:
                    break
                line = self._line(node)
                if node.row.id in blocked or any(each.row.id in line for each in chosen[begun:]):
                    continue
                chosen.append(node)
                lines.append(line)
                blocked |= line
        return chosen[number]

    def _line(self, node: _Node) -> set[str]:
        """A node and what it descends from, as far back as nodes at work go."""
        line = {node.row.id}
        while node.row.parents and len(line) < _AT_WORK:
            parent = self._by_id.get(node.row.parents[0])
            if parent is None or parent.row.id in line:
                break
            node = parent
            line.add(node.row.id)
        return line

    def _employ(self, node: _Node, parent: _Node | None) -> None:
        if parent is not None:
            parent.kept.append(node)
            if len(parent.kept) > _KEPT:
                worst = max(parent.kept, key=lambda each: each.row.rank)
                parent.kept.remove(worst)
                if worst is node:
                    return
                self._dismiss(worst)
        insort(self._work, node, key=_rank)
        if len(self._work) > _AT_WORK:
            self._work.pop()

    def _dismiss(self, node: _Node) -> None:
        at = bisect_left(self._work, node.row.rank, key=_rank)
        if at < len(self._work) and self._work[at] is node:
            del self._work[at]


class Tree:
    """Tree search; see the module.

    Args:
        drafts: hypotheses from scratch that it begins with, or all of a wider first round, on which nothing is known.
    """

    name = "tree"

    def __init__(self, drafts: int = 3) -> None:
        self.drafts = drafts

    @property
    def folds(self) -> Mapping[str, Callable[[], Fold]]:
        """The tree."""
        return {"tree": Nodes}

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """A draft, a repair or an improvement."""
        chance, nodes = random.Random(draw), cast("Nodes", history.folds["tree"])
        if nodes.rows + place.sample < self.drafts:
            return Plan()
        broken = nodes.broken()
        if broken and chance.random() < 0.5:
            return Plan(parents=(chance.choice(broken).row.id,), operator="repair")
        ordered = nodes.ordered(nodes.rows)
        if not ordered or (nodes.stale >= _STALE and chance.random() < 0.1):
            return Plan()
        node = nodes.apart(nodes.rows, place.sample)
        if not (node.row.passed or node.row.graded):
            operator: Operator = ("repair", "repair", "another")[node.tries % 3]
        else:
            operator = _OF_A_CHILD[(node.tries + place.sample) % len(_OF_A_CHILD)]
        if operator == "adjust" and not node.row.graded:
            operator = "improve"
        best = history.best
        shown = (best.id,) if best is not None and best.merit > node.row.merit and best.id != node.row.id else ()
        return Plan(parents=(node.row.id,), inspirations=shown, operator=operator)


def _rank(node: _Node) -> Rank:
    return node.row.rank
