"""Independent samples in every round, until one passes: the baseline that any search has to beat."""

from __future__ import annotations

from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Past, Place

__all__ = ["BestOf"]


class BestOf:
    """Never looks back. Later rounds differ from the first only by their seeds."""

    name = "best_of"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """Nothing to build on, and nothing to be told."""
        return Plan(operator="again")
