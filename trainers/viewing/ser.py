"""A run of SER: what its reward model labelled round by round, and what that is worth on labels it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Chart, Dot, Line, shares_chart
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.labelling import Counted, Labelling
from gristmill.trainers.recipes.ser.records import KIND, Measured, SerRecords, SerResult, Trained
from gristmill.trainers.viewing.charts import reliability_chart

__all__ = ["KIND", "SerPage", "ser_listing", "ser_page"]


@dataclass(frozen=True, slots=True)
class SerPage:
    """What the page of a SER shows."""

    name: str
    config: SerConfig
    result: SerResult | None
    rounds: Sequence[tuple[Labelling, Trained | None]]
    course: Chart | None
    measured: Sequence[tuple[str, Measured]]
    reliability: Chart | None
    model: Path | None


def ser_listing(store: Store) -> Listing:
    """The SERs of a workspace."""
    rows = []
    for name in store.documents.owners(KIND, key="begun"):
        records = SerRecords(store, name)
        config, result = records.begun(), records.read("result", SerResult)
        if config is None:
            continue
        rounds = result.rounds if result is not None else _rounds(records, config)
        rows.append(
            (
                Cell(name, Asked(KIND, name)),
                Cell("finished", tone="good") if result is not None else Cell("going on", tone="live"),
                Cell(f"{len(rounds)} of {config.rounds + 1} at most", number=True),
                Cell(str(len(rounds[-1].labels)) if rounds else "0", number=True),
                Cell(_share(result.measured.accuracy if result is not None else None), number=True),
                Cell(_share(result.labels_alone.accuracy if result is not None else None), number=True),
            )
        )
    columns = ("SER", "state", "rounds", "labelled", "held-out labels right", "by the seen labels alone")
    return Listing(
        "Reward models that label for themselves (SER)", columns, rows, none="none yet: gristmill recipe ser"
    )


def ser_page(store: Store, asked: Asked) -> SerPage | None:
    """The page of a SER; None where there is none of that name."""
    records = SerRecords(store, asked.owner)
    config = records.begun()
    if config is None:
        return None
    result = records.read("result", SerResult)
    rounds = result.rounds if result is not None else _rounds(records, config)
    measured = list(result.measurements.items()) if result is not None else []
    return SerPage(
        name=asked.owner,
        config=config,
        result=result,
        rounds=[(each, records.read(f"round-{each.round}/trained", Trained)) for each in rounds],
        course=_course(rounds),
        measured=measured,
        reliability=reliability_chart(
            {title: found.reliability.bins for title, found in measured if found.reliability is not None},
            "confidence that the winner wins",
            "winners ranked first",
        ),
        model=result.model if result is not None and not asked.public else None,
    )


def _rounds(records: SerRecords, config: SerConfig) -> tuple[Labelling, ...]:
    found = (records.read(f"round-{number}/labelled", Labelling) for number in range(config.rounds + 1))
    return tuple(each for each in found if each is not None)


def _course(rounds: Sequence[Labelling]) -> Chart | None:
    if not rounds:
        return None
    sure = [Dot(each.round, each.confidence, f"round {each.round}: {100 * each.confidence:.1f}%") for each in rounds]
    lines = [
        Line("calibrating labels right", _dots([(each.round, each.accuracy) for each in rounds])),
        Line("confidence in the pool", sure),
        Line(
            "own labels right, where it is known", _dots([(e.round, e.precision["all"]) for e in rounds if e.precision])
        ),
    ]
    return shares_chart("Course", "rounds", "share", [line for line in lines if line.dots])


def _dots(counts: Sequence[tuple[int, Counted]]) -> list[Dot]:
    return [
        Dot(round_, each.share, f"round {round_}: {each.right} of {each.of}, {100 * each.share:.1f}%")
        for round_, each in counts
        if each.share is not None
    ]


def _share(counted: Counted | None) -> str:
    return "" if counted is None or counted.share is None else f"{100 * counted.share:.1f}%"
