"""What a search holds, for people: islands, their archives, and who is best at which instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.graph.commands.explaining import short_number
from gristmill.sandbox.plain import say, say_json, say_table

if TYPE_CHECKING:
    from gristmill.graph.reports.population import Island, Population
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import TaskStanding

__all__ = ["say_population"]

_MEMBERS = 20
"""Of an island, at most, that are listed; --json has them all."""


def say_population(store: Store, run: str, standing: TaskStanding, as_json: bool) -> None:
    """Print what the strategy of a run holds of one task."""
    from gristmill.graph.reports.population import population

    held = population(store, run, standing)
    if as_json:
        say_json(held.model_dump_json(indent=1))
        return
    if not held.islands and not held.front:
        say(f"the strategy {held.strategy} keeps no population: it builds on the best, and --curve tells of that")
        return
    if held.islands:
        _islands(held)
    if held.front:
        if held.islands:
            say("")
        _front(held)


def _islands(held: Population) -> None:
    open_ = sum(each.open for each in held.islands)
    count = len(held.islands)
    say(f"population of {held.task}, by {held.strategy}: {open_} of {count} island{'s' if count > 1 else ''} open")
    head = ("island", "state", "hypotheses", "members", "best", "rows since it was better")
    rows = [
        (
            str(each.number),
            "open" if each.open else "closed",
            str(each.hypotheses),
            _members(held, each),
            short_number(each.members[0].score) if each.members else "none",
            f"{each.stale:.0f}",
        )
        for each in held.islands
    ]
    say_table(head, rows, right=("island", "hypotheses", "best", "rows since it was better"))
    for each in held.islands:
        if each.members:
            say("")
            _archive(each)


def _members(held: Population, island: Island) -> str:
    return str(len(island.members)) if held.cells is None else f"{len(island.members)} of {held.cells} cells"


def _archive(island: Island) -> None:
    listed = island.members[:_MEMBERS]
    more = f", the first {len(listed)} of {len(island.members)}" if len(listed) < len(island.members) else ""
    say(f"archive of island {island.number}, best first{more}")
    names = tuple(listed[0].features)
    rows = [
        (each.hypothesis, short_number(each.score), *(short_number(each.features[name]) for name in names))
        for each in listed
    ]
    say_table(("hypothesis", "score", *names), rows, right=("score", *names))


def _front(held: Population) -> None:
    count = len(held.front)
    say(f"front of {held.task}: who is best at {f'each of {count} instances' if count > 1 else 'its one instance'}")
    say_table(("instance", "hypotheses"), [(each.instance, ", ".join(each.hypotheses)) for each in held.front])
