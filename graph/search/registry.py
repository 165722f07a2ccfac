"""The strategies by name."""

from __future__ import annotations

from gristmill.graph.search.base import Strategy
from gristmill.graph.search.best_of import BestOf
from gristmill.graph.search.reflect import Reflect
from gristmill.sandbox.errors import UserError

__all__ = ["strategy"]

_STRATEGIES: dict[str, Strategy] = {each.name: each for each in (BestOf(), Reflect())}


def strategy(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        UserError: there is none; the message lists them.
    """
    if name not in _STRATEGIES:
        raise UserError(f"unknown strategy {name!r}: choose one of {', '.join(sorted(_STRATEGIES))}")
    return _STRATEGIES[name]
