"""What several pages of this room read of an improvement, of what is stored by now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gristmill.graph.storage.store import Store
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.summary import round_so_far
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.trainers.records import Improvement, RoundSummary

__all__ = ["IMPROVEMENT", "improvements", "recipe_of", "rounds_of", "summary_of"]

IMPROVEMENT = "improvement"
"""The kind of document in which the stages of an improvement are kept; their owner is its name. A recipe's run of
I-SHEEP is an improvement too, of stages of its own."""


def improvements(store: Store) -> list[StageRecords]:
    """All that were begun, recipes' among them, by name."""
    return [StageRecords(store, name) for name in store.documents.owners(IMPROVEMENT, key="begun")]


def recipe_of(records: StageRecords) -> IsheepConfig | None:
    """What a run of I-SHEEP was begun with; None of an improvement by `gristmill improve`."""
    return records.read("isheep", IsheepConfig)


def summary_of(records: StageRecords) -> Improvement | None:
    """Of an improvement by `gristmill improve` that has ended."""
    return records.read("summary", Improvement) if recipe_of(records) is None else None


def rounds_of(records: StageRecords, declared: int) -> Sequence[RoundSummary]:
    """The rounds that have come to anything, of one by `gristmill improve`."""
    if (summary := summary_of(records)) is not None:
        return summary.rounds
    found = (round_so_far(number, records, Path()) for number in range(declared))
    return tuple(each for each in found if each is not None)
