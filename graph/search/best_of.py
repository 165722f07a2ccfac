"""Independent samples in every round, until one passes: the baseline that any search has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.graph.records import Step

__all__ = ["BestOf"]


class BestOf:
    """Never looks back. Later rounds differ from the first only by their seeds."""

    name = "best_of"

    def parents(self, ranked: Sequence[Step], samples: int) -> tuple[tuple[str, ...], ...]:
        """Nothing to build on, for every sample."""
        return ((),) * samples
