"""The best hypotheses go back to the model with their feedback; the default."""

from __future__ import annotations

from gristmill.graph.search.base import Operator, Plan
from gristmill.graph.search.history import Past, Place, Row

__all__ = ["IterationBest", "Reflect"]

_MENDING: tuple[Operator, ...] = ("repair", "repair", "another", "cross", "repair", "fresh")
_GAINING: tuple[Operator, ...] = ("improve", "adjust", "another", "cross")


class Reflect:
    """Spreads the next round's samples over the best different hypotheses.

    Up to half as many parents as samples (at least one, at most `breadth`), so that each is built on about twice and a
    single misleading hypothesis cannot take the whole round; of equals, those that were built on least. Replies without
    a usable solution are parents only where there is nothing better; unscored hypotheses never, as nothing is known
    about them.

    What is asked for follows from how often a parent was built on: one that is wrong is to be repaired twice before the
    model is asked for another idea, to cross it with another hypothesis, and in the end to start from scratch; one that
    is right, or whose score says how good it is, is to be improved, then adjusted, and so on in turn.
    """

    name = "reflect"

    def __init__(self, breadth: int = 4) -> None:
        self.breadth = breadth

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """One of the best different hypotheses, in turn; afresh where nothing is known yet."""
        best = history.leaders(max(1, min(self.breadth, place.width // 2)))
        if not best:
            return Plan()
        turn, at = divmod(place.sample, len(best))
        parent = best[at]
        tried = len(history.children(parent.id)) + turn
        gaining = parent.passed or parent.graded
        operators = _GAINING if gaining else _MENDING
        operator = operators[tried % len(operators)]
        if operator == "adjust" and not parent.graded:
            operator = "improve"
        if operator == "fresh":
            return Plan()
        others = self._others(history, parent) if operator == "cross" else []
        if operator == "cross" and not others:
            operator = "another"
        with_ = others[tried // len(operators) % len(others)].id if others else None
        return Plan(parents=(parent.id, with_) if with_ else (parent.id,), operator=operator)

    def _others(self, history: Past, parent: Row) -> list[Row]:
        """What a parent may be crossed with: the other leaders that have something usable."""
        return [row for row in history.leaders(self.breadth + 1) if row.id != parent.id and row.usable]


class IterationBest:
    """Eureka's: the whole round builds on the best of the round before, and on nothing else.

    A round in which nothing ran is repeated: the next one is asked what it was asked. Nobody is told of what was tried
    before, so that all prompts of a round are the same.
    """

    name = "iteration"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """The best of the last round in which something ran; afresh where nothing has."""
        rows = [row for row in history.last(len(history)) if row.graded]
        last = max((row.place.round for row in rows), default=None)
        best = min((row for row in rows if row.place.round == last), key=lambda row: row.rank, default=None)
        return Plan(parents=(best.id,) if best else (), operator="again")
