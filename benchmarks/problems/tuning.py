"""`tune` as the operator `adjust` of a search in this process: its optimiser on what this search has judged."""

from __future__ import annotations

from collections import defaultdict

from searching import Found

from gristmill.graph.models.mutate import Rules
from gristmill.graph.models.tune import skeleton
from gristmill.graph.models.tune.proposer import first_step
from gristmill.graph.models.tune.simplex import Point, next_point

__all__ = ["Tuner"]


class Tuner:
    """Programs with other numbers, by what was judged of their form."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._judged: dict[str, dict[Point, float]] = defaultdict(dict)

    def add(self, source: str, found: Found) -> None:
        """A program was judged."""
        form = skeleton(source, self._rules)
        if form is not None and found.usable:
            self._judged[form.key].setdefault(form.values, found.score)

    def __call__(self, source: str) -> str | None:
        """The next program of this one's form; None where it has no numbers, or they have settled."""
        form = skeleton(source, self._rules)
        if form is None:
            return None
        judged = self._judged[form.key]
        order = {score: rank for rank, score in enumerate(sorted(set(judged.values()), reverse=True))}
        ranks = {point: order[score] for point, score in judged.items()}
        start = next(iter(judged), form.values)
        steps = [first_step(value, domain) for value, domain in zip(start, form.domains, strict=True)]
        point = next_point(start, steps, ranks, form.rounded)
        return None if point is None else form.filled(point)
