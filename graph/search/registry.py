"""The strategies by name, with what a run's configuration says about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gristmill.graph.config import Search
from gristmill.graph.search.archive import Axis
from gristmill.graph.search.auto import Auto
from gristmill.graph.search.base import Strategy
from gristmill.graph.search.best_of import BestOf
from gristmill.graph.search.evolve import Evolve
from gristmill.graph.search.pareto import Pareto
from gristmill.graph.search.reflect import IterationBest, Reflect
from gristmill.graph.search.tree import Tree
from gristmill.sandbox.errors import UserError

__all__ = ["strategy"]

_STRATEGIES: dict[str, Strategy] = {each.name: each for each in (BestOf(), IterationBest(), Reflect())}


def _axes(search: Search) -> tuple[Axis, ...]:
    return tuple(map(Axis.read, search.features))


def _evolve(search: Search, models: Sequence[str] = ()) -> Strategy:
    return Evolve(search.population, search.islands, _axes(search))


def _auto(search: Search, models: Sequence[str] = ()) -> Strategy:
    return Auto([_evolve(search), _tree(search), _pareto(search), Reflect()], models if len(models) > 1 else ())


def _tree(search: Search, models: Sequence[str] = ()) -> Strategy:
    return Tree(min(search.population, 3))


def _pareto(search: Search, models: Sequence[str] = ()) -> Strategy:
    return Pareto(min(search.population, 5))


_CONFIGURED: dict[str, Callable[[Search, Sequence[str]], Strategy]] = {
    "auto": _auto,
    "evolve": _evolve,
    "pareto": _pareto,
    "tree": _tree,
}


def strategy(name: str, search: Search | None = None, models: Sequence[str] = ()) -> Strategy:
    """The strategy of that name.

    Args:
        name: of the strategy.
        search: sizes and features; None takes the defaults.
        models: names of those that may be asked, where they are several.

    Raises:
        UserError: there is none; the message lists them. Or a feature is not written as it should be.
    """
    if name in _CONFIGURED:
        try:
            return _CONFIGURED[name](search or Search(), models)
        except ValueError as error:
            raise UserError(f"--features {error}") from None
    if name not in _STRATEGIES:
        raise UserError(f"unknown strategy {name!r}: choose one of {', '.join(sorted((*_STRATEGIES, *_CONFIGURED)))}")
    return _STRATEGIES[name]
