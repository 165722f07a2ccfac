"""What a strategy holds of its search: islands with their archives, and the front per instance.

Built up from the stored rows by the strategy's own folds, so it is what the next plan would choose from.
"""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.memory import TaskMemory
from gristmill.graph.search.archive import Axis
from gristmill.graph.search.base import folds_of
from gristmill.graph.search.evolve import Islands
from gristmill.graph.search.history import Past
from gristmill.graph.search.pareto import Front
from gristmill.graph.search.registry import strategy
from gristmill.graph.search.rows import Row
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import TaskStanding
from gristmill.sandbox.records import Record

__all__ = ["Best", "Island", "Living", "Population", "population"]


class Living(Record):
    """A hypothesis that an archive holds."""

    hypothesis: str
    score: float | None
    features: dict[str, float] = Field({}, description="declared features, by name")
    cell: tuple[int, ...] = Field((), description="bin of each feature, counted from 0, where features are declared")


class Island(Record):
    """One part of the population."""

    number: int
    open: bool = Field(description="hypotheses may still come from it")
    hypotheses: int = Field(description="that belong to it, those without use counted")
    stale: float = Field(description="rows since its best has become better; one without use counts a fifth")
    members: tuple[Living, ...] = Field(description="best first")


class Best(Record):
    """Who is best at one instance."""

    instance: str
    hypotheses: tuple[str, ...] = Field(description="the better ones overall first")


class Population(Record):
    """What the strategy of a run holds of one task."""

    run: str
    task: str
    strategy: str
    cells: int | None = Field(None, description="of an island's grid, where features are declared")
    islands: tuple[Island, ...] = ()
    front: tuple[Best, ...] = ()


def population(store: Store, run: str, standing: TaskStanding) -> Population:
    """The population of one task, by what is stored by now; empty for a strategy that keeps none."""
    config = store.get_run(run).config
    task = next(each for each in store.tasks(run) if each.id == standing.task)
    chosen = strategy(config.search.strategy, config.search, [each.name for each in config.models])
    axes = tuple(map(Axis.read, config.search.features))
    held = Population(run=run, task=task.id, strategy=config.search.strategy, cells=_cells(axes) if axes else None)
    if not {"islands", "front"} & folds_of(chosen).keys():
        return held  # without reading every row for nothing
    past = TaskMemory(store, run, task, config, chosen).whole()
    return held.model_copy(update={"islands": _islands(past, axes), "front": _front(past)})


def _islands(past: Past, axes: tuple[Axis, ...]) -> tuple[Island, ...]:
    islands = past.folds.get("islands")
    if not isinstance(islands, Islands):
        return ()
    open_ = set(islands.open)
    return tuple(
        Island(
            number=number,
            open=number in open_,
            hypotheses=islands[number].rows,
            stale=islands[number].stale,
            members=tuple(_living(row, axes) for row in islands[number].members.rows()),
        )
        for number in range(len(islands))
    )


def _front(past: Past) -> tuple[Best, ...]:
    front = past.folds.get("front")
    if not isinstance(front, Front):
        return ()
    return tuple(
        Best(instance=name, hypotheses=tuple(row.id for row in sorted(rows, key=lambda row: row.rank)))
        for name, rows in front.held()
        if rows
    )


def _living(row: Row, axes: tuple[Axis, ...]) -> Living:
    if not axes:
        return Living(hypothesis=row.id, score=row.score)
    return Living(
        hypothesis=row.id,
        score=row.score,
        features={axis.name: value for axis, value in zip(axes, row.features, strict=True)},
        cell=tuple(axis.bin(value) for axis, value in zip(axes, row.features, strict=True)),
    )


def _cells(axes: tuple[Axis, ...]) -> int:
    count = 1
    for axis in axes:
        count *= axis.bins
    return count
