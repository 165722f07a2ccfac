"""The best hypotheses go back to the model with their feedback; the default."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.graph.records import Step
from gristmill.graph.stopping.ranking import content_key
from gristmill.verifiers.records import Outcome

__all__ = ["Reflect"]


class Reflect:
    """Spreads the next round's samples over the best different hypotheses, one parent each.

    Up to half as many parents as samples (at least one, at most `width`), so that each is built on about twice and a
    single misleading hypothesis cannot take the whole round. Replies without a usable solution are parents only where
    there is nothing better; unscored hypotheses never, as nothing is known about them.
    """

    name = "reflect"

    def __init__(self, width: int = 4) -> None:
        self.width = width

    def parents(self, ranked: Sequence[Step], samples: int) -> tuple[tuple[str, ...], ...]:
        """The best different hypotheses in turn; none where nothing is known yet."""
        scored = [step for step in ranked if step.verdict.outcome is not Outcome.UNSCORED]
        usable = [step for step in scored if step.verdict.outcome is not Outcome.INVALID] or scored
        different = {content_key(step): step.hypothesis.id for step in reversed(usable)}
        order = [step.hypothesis.id for step in usable if different[content_key(step)] == step.hypothesis.id]
        best = order[: max(1, min(self.width, samples // 2))]
        if not best:
            return ((),) * samples
        return tuple((best[sample % len(best)],) for sample in range(samples))
