"""A search strategy of a user's own: half of the places build on the best, the others start afresh."""

from __future__ import annotations

from gristmill.graph.search.base import Plan, Strategy
from gristmill.graph.search.history import Past, Place


class Halves:
    """By the place's own random number, so that a resumed run plans the same."""

    name = "halves"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        best = history.leaders(1)
        if not best or draw % 2:
            return Plan()
        return Plan(parents=(best[0].id,), operator="improve" if best[0].passed else "repair")


STRATEGY: Strategy = Halves()
