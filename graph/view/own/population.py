"""What the strategy of a search holds of a task: islands with their archives, and who is best at which instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.reports.population import Best, Island, Population, population
from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked
from gristmill.graph.view.terminal import in_terminal

__all__ = ["KIND", "PopulationPage", "population_page"]

KIND = "population"
_MOST = 100


@dataclass(frozen=True, slots=True)
class PopulationPage:
    """What the page of a population shows."""

    held: Population
    sentence: str
    islands: Sequence[Island]
    front: Sequence[Best]
    """Of its instances the first ones; `held` has all."""
    most: int
    """Members of an island, and hypotheses of an instance, that are listed."""
    show: str


def population_page(store: Store, asked: Asked) -> PopulationPage | None:
    """The page of `/population/RUN?id=TASK`; None where the run has none of that id."""
    run = asked.owner
    standing = next((each for each in store.standings(run) if each.task == asked.id), None)
    if standing is None:
        return None
    held = population(store, run, standing)
    return PopulationPage(
        held=held,
        sentence=_sentence(held),
        islands=held.islands,
        front=[] if asked.public else held.front[:_MOST],
        most=_MOST,
        show=in_terminal(store, asked, "show", run, f"--task={held.task}", "--population"),
    )


def _sentence(held: Population) -> str:
    parts = []
    if held.islands:
        count, open_ = len(held.islands), sum(each.open for each in held.islands)
        parts.append(f"{open_} of {count} {'island' if count == 1 else 'islands'} open")
        members = sum(len(each.members) for each in held.islands)
        cells = "" if held.cells is None else f" in grids of {held.cells} cells each"
        parts.append(f"{members} {'member' if members == 1 else 'members'} in archives{cells}")
    if held.front:
        count = len(held.front)
        parts.append(f"a front over {count} {'instance' if count == 1 else 'instances'}")
    if not parts:
        return f"The strategy {held.strategy} keeps no population: it builds on the best."
    return f"By {held.strategy}: {', '.join(parts)}."
