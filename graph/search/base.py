"""The contract of a search strategy: what the next round builds on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gristmill.graph.records import Step
from gristmill.sandbox.errors import UserError

__all__ = ["Strategy", "strategy"]


@runtime_checkable
class Strategy(Protocol):
    """Chooses parents. It holds no state: the same steps give the same choice, in a resumed run too."""

    name: str

    def parents(self, ranked: Sequence[Step], samples: int) -> tuple[tuple[str, ...], ...]:
        """For each of the next round's samples, the ids of the hypotheses that its prompt builds on.

        Args:
            ranked: all steps of the task so far, best first (see `gristmill.graph.stopping.ranking`).
            samples: how many hypotheses the next round makes.

        Returns:
            `samples` tuples; an empty one starts afresh.
        """
        ...


def strategy(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        UserError: there is none; the message lists them.
    """
    from gristmill.graph.search.best_of import BestOf
    from gristmill.graph.search.reflect import Reflect

    known: dict[str, Strategy] = {made.name: made for made in (BestOf(), Reflect())}
    if name not in known:
        raise UserError(f"unknown strategy {name!r}: choose one of {', '.join(sorted(known))}")
    return known[name]
