"""For how many rounds a search may go on in vain, where the run's configuration leaves that to the strategy.

Strategies that answer at once (`reflect`, `best_of`) are given up soon. Those that search long have means against
standing still (islands, drafts, a front), which set in after tens of hypotheses: to give them up before is to not have
had them. Their bounds are hypotheses, so that wide rounds and narrow ones are as patient. Pure: the same configuration
gives the same bounds.
"""

from __future__ import annotations

from gristmill.graph.config import RunConfig, Search

__all__ = ["LONG", "bounded", "patience", "same", "still"]

LONG = ("auto", "evolve", "pareto", "tree")
"""Strategies that search long."""
_STANDS_STILL, _AT_LEAST = 2, 50
_ISLANDS, _IN_VAIN = 4, 100
"""Islands whose standing still is waited for, at least, and hypotheses in a row that were all there before: an island
counts what repeats a fifth, so that this is less than it takes to open a new one where nothing else comes any more."""


def still(population: int) -> int:
    """Hypotheses after which a part of a population stands still, where none of them has made a member better."""
    return max(_AT_LEAST, _STANDS_STILL * population)


def patience(search: Search) -> int:
    """Rounds without a better best after which a task is given up: 2, or so many that all islands have stood still.

    Each does twice: alone, and with the best of the others.
    """
    if search.patience is not None:
        return search.patience
    if search.strategy not in LONG:
        return 2
    return _rounds(2 * max(_ISLANDS, search.islands) * still(search.population), search)


def same(search: Search) -> int:
    """Rounds in a row that bring nothing new after which a task is given up: 1, or 100 hypotheses in a long search."""
    if search.same is not None:
        return search.same
    return _rounds(_IN_VAIN, search) if search.strategy in LONG else 1


def bounded(config: RunConfig) -> RunConfig:
    """The same configuration with these bounds said."""
    search = config.search.model_copy(update={"patience": patience(config.search), "same": same(config.search)})
    return config.model_copy(update={"search": search})


def _rounds(hypotheses: int, search: Search) -> int:
    return -(-hypotheses // search.hypotheses)
