"""The best hypotheses go back to the model with their feedback; the default."""

from __future__ import annotations

from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Past, Place

__all__ = ["Reflect"]


class Reflect:
    """Spreads the next round's samples over the best different hypotheses, one parent each.

    Up to half as many parents as samples (at least one, at most `breadth`), so that each is built on about twice and a
    single misleading hypothesis cannot take the whole round. Replies without a usable solution are parents only where
    there is nothing better; unscored hypotheses never, as nothing is known about them.
    """

    name = "reflect"

    def __init__(self, breadth: int = 4) -> None:
        self.breadth = breadth

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """One of the best different hypotheses, in turn; afresh where nothing is known yet."""
        best = history.leaders(max(1, min(self.breadth, place.width // 2)))
        if not best:
            return Plan()
        parent = best[place.sample % len(best)]
        return Plan(parents=(parent.id,), operator="improve" if parent.passed else "repair")
