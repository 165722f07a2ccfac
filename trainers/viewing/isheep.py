"""A run of the recipe I-SHEEP: what was written and kept, what the model's own scores are worth, and what drifts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Chart, Dot, Line, shares_chart
from gristmill.graph.view.figures import duration
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.recipes.isheep.config import Bands, IsheepConfig
from gristmill.trainers.recipes.isheep.measuring.drift import Drift
from gristmill.trainers.recipes.isheep.measuring.fairness import Probe
from gristmill.trainers.recipes.isheep.measuring.looking import Turns
from gristmill.trainers.recipes.isheep.summary import (
    IsheepSummary,
    Iteration,
    Tested,
    iteration,
    published_lines,
    tested,
)
from gristmill.trainers.records import Share
from gristmill.trainers.viewing.charts import reliability_chart
from gristmill.trainers.viewing.reading import improvements, recipe_of

__all__ = ["KIND", "Drifting", "IsheepPage", "isheep_listing", "isheep_page"]

KIND = "isheep"


@dataclass(frozen=True, slots=True)
class Drifting:
    """One quantity, of the base model and of each iteration, and the band that it must stay in."""

    name: str
    base: float | None
    band: str
    values: Sequence[tuple[int, float, bool]]
    """(iteration, value, whether it has left its band)."""
    percent: bool


@dataclass(frozen=True, slots=True)
class IsheepPage:
    """What the page of a run of I-SHEEP shows."""

    name: str
    config: IsheepConfig
    ended: str
    """Why no further iteration came; empty while it goes on."""
    last: str
    """The stage that ended last."""
    took: str
    base: Tested | None
    base_turns: Turns | None
    iterations: Sequence[Iteration]
    curve: Chart | None
    reliability: Chart | None
    drift: Sequence[Drifting]
    base_probe: Probe | None
    published: Sequence[str]
    """MT-Bench and IFEval in words, where they were asked."""
    adapter: str | None


def isheep_listing(store: Store) -> Listing:
    """The runs of the recipe."""
    rows = []
    for records in improvements(store):
        config = recipe_of(records)
        if config is None:
            continue
        page = _page(records, config)
        now = page.iterations[-1].test if page.iterations else None
        rows.append(
            (
                Cell(records.name, Asked(KIND, records.name)),
                Cell("finished", tone="good") if page.ended else Cell("going on", tone="live"),
                Cell(config.filtering.filter),
                Cell(f"{len(page.iterations)} of {config.iterations}", number=True),
                Cell(str(sum(each.gate is not None and each.gate.kept for each in page.iterations)), number=True),
                Cell(_share(page.base.told if page.base else None), number=True),
                Cell(_share(now.told if now else None), number=True),
                Cell(str(sum(len(each.events.events) for each in page.iterations if each.events)), number=True),
            )
        )
    columns = ("run", "state", "filter", "iterations", "kept", "test before", "test after", "drift events")
    return Listing("Runs of I-SHEEP", columns, rows, none="none yet: gristmill recipe isheep begins one")


def isheep_page(store: Store, asked: Asked) -> IsheepPage | None:
    """The page of a run of the recipe; None where there is none of that name."""
    records = StageRecords(store, asked.owner)
    config = recipe_of(records)
    return None if config is None else _page(records, config)


def _page(records: StageRecords, config: IsheepConfig) -> IsheepPage:
    summary = records.read("summary", IsheepSummary)
    seconds = records.seconds()
    if summary is None:
        evaluated = records.read("test-before", Evaluation)
        names = {re.split("[-/]", stage)[1] for stage in seconds if stage.startswith("round-")}
        begun = [number for number in range(config.iterations) if str(number + 1) in names]
        iterations = tuple(iteration(records, number, evaluated) for number in begun)
        base = None if evaluated is None else tested(evaluated, None)
    else:
        iterations, base = summary.iterations, summary.base
    base_drift = records.read("drift-before", Drift)
    return IsheepPage(
        name=records.name,
        config=config,
        ended=summary.ended if summary is not None else "",
        last=next(reversed(seconds), "none"),
        took=duration(sum(seconds.values())),
        base=base,
        base_turns=records.read("two-turns-before", Turns),
        iterations=iterations,
        curve=_curve(base, iterations),
        reliability=reliability_chart(
            {f"iteration {each.number}, {found.scale}": found.bins for each in iterations for found in each.agreement},
            "score of 10",
            "pairs that a tool passed",
        ),
        drift=_drift(base_drift, iterations, config.bands),
        base_probe=records.read("probe-before", Probe),
        published=published_lines(summary) if summary is not None else [],
        adapter=PurePath(summary.adapter).name if summary is not None and summary.adapter else None,
    )


def _curve(base: Tested | None, iterations: Sequence[Iteration]) -> Chart | None:
    asked = [each for each in iterations if each.test is not None]
    if base is None or not asked:
        return None

    def line(name: str, held_out: bool) -> Line:
        dots = [_dot(0, base.held_out if held_out else base.told, "base", hollow=False)]
        for each in asked:
            if each.test is not None:
                kept = each.gate is not None and each.gate.kept
                words = f"iteration {each.number}, {'kept' if kept else 'not kept'}"
                dots.append(
                    _dot(each.number, each.test.held_out if held_out else each.test.told, words, hollow=not kept)
                )
        return Line(name, dots)

    lines = [line("constraints as told", False), line("held-out constraints", True)]
    return shares_chart("Test set", "iterations", "prompts that are followed", lines)


def _dot(x: int, share: Share, words: str, *, hollow: bool) -> Dot:
    said = f"{words}: {100 * share.rate:.1f}% (95%: {100 * share.low:.1f}% to {100 * share.high:.1f}%)"
    return Dot(x, share.rate, said, share.low, share.high, hollow)


_EVENTS: Mapping[str, str] = {
    "words of a reply": "length",
    "distinct words": "",
    "distinct pairs of words": "distinct-2",
    "refusals": "refusals",
    "English": "language",
    "topics of prompts": "topics",
}
"""Quantity → what its event is called; empty where it has no band."""


def _drift(base: Drift | None, iterations: Sequence[Iteration], bands: Bands) -> list[Drifting]:
    seen = [(each.number, each.drift) for each in iterations if each.drift is not None]
    if base is None or not seen:
        return []
    first = seen[0][1].topics
    left = {(each.number, event.what) for each in iterations if each.events for event in each.events.events}
    words = base.words
    band = {
        "words of a reply": f"{words / bands.length_band:.1f} to {words * bands.length_band:.1f}",
        "distinct words": "none",
        "distinct pairs of words": f"{bands.distinct_band * base.distinct_2:.2f} at least",
        "refusals": f"{100 * (base.refusals + bands.refusal_band):.1f}% at most",
        "English": f"{100 * (base.english - bands.language_band):.1f}% at least",
        "topics of prompts": "none" if first is None else f"{first - bands.topics_band:.2f} at least",
    }
    return [
        Drifting(
            name=name,
            base=_quantity(base, name),
            band=band[name],
            values=[
                (number, value, (number, _EVENTS[name]) in left)
                for number, drift in seen
                if (value := _quantity(drift, name)) is not None
            ],
            percent=name in ("refusals", "English"),
        )
        for name in _EVENTS
    ]


def _quantity(drift: Drift, name: str) -> float | None:
    match name:
        case "words of a reply":
            return drift.words
        case "distinct words":
            return drift.distinct_1
        case "distinct pairs of words":
            return drift.distinct_2
        case "refusals":
            return drift.refusals
        case "English":
            return drift.english
        case _:
            return drift.topics


def _share(share: Share | None) -> str:
    return "" if share is None else f"{100 * share.rate:.1f}%"
