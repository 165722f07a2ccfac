"""An improvement: at which stage it is, the test set before and after, and what the gate said of every round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Changes, Chart, Dot, Line, shares_chart
from gristmill.graph.view.figures import duration
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.trainers.improve.forecast import Forecast, took_by
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.records import Improvement, RoundSummary, Share
from gristmill.trainers.viewing.charts import combinations, loss_chart, test_and_gates
from gristmill.trainers.viewing.differing import GateTasks, gate_tasks
from gristmill.trainers.viewing.reading import IMPROVEMENT, improvements, recipe_of, rounds_of, summary_of

__all__ = ["KIND", "ImprovementPage", "foretold", "improvement_listing", "improvement_page"]

KIND = IMPROVEMENT

_NEXT = {"campaign": "curate", "curated": "train", "trained": "evaluate and gate"}
"""Stage that has ended → the one behind it, in words."""


@dataclass(frozen=True, slots=True)
class ImprovementPage:
    """What the page of an improvement shows."""

    name: str
    model: str
    ended: bool
    stage: str
    """The one that is at work, in words; empty after the end."""
    took: str
    stages: Sequence[tuple[str, float]]
    """Wall time in seconds of each that has ended, in order."""
    before: Share | None
    """Of the test set, where it was asked."""
    after: Share | None
    rounds: Sequence[RoundSummary]
    gates: Mapping[int, GateTasks]
    """By round, from 0: the gate's tasks, where it tells of them."""
    curve: Chart | None
    """The test set before and after each round; None where no round was measured on it."""
    bars: Changes | None
    """The test set and the gate sets, before and after."""
    groups: Changes | None
    """The test tasks by held-out combination; None before the end, or without combinations."""
    loss: Chart | None
    summary: Improvement | None
    """What it came to; None before the end."""
    accept: str
    """What counts as a pass."""
    declared: int
    """Rounds that there will be at most."""
    strata: Sequence[tuple[str, int]]
    """Rows by stratum, in the last round that has rows; those with the fewest first."""
    empty: Sequence[str]
    """Those of them without a row."""
    foretold: Sequence[tuple[str, float | None, float]]
    """(what for, minutes foretold when it began, minutes that it took); the last row is of all."""
    adapter: str | None


def improvement_listing(store: Store) -> Listing:
    """The improvements of a workspace."""
    rows = []
    for records in improvements(store):
        if (config := records.begun()) is None or recipe_of(records) is not None:
            continue
        summary, rounds, seconds = summary_of(records), rounds_of(records, config.rounds), records.seconds()
        at_work = _at_work(seconds, rounds, config.rounds)
        rows.append(
            (
                Cell(records.name, Asked(KIND, records.name)),
                Cell("finished", tone="good") if summary is not None else Cell(at_work, tone="live"),
                Cell(config.run.member_names),
                Cell(f"{len(rounds)} of {config.rounds}", number=True),
                Cell(str(sum(1 for each in rounds if each.gate is not None and each.gate.kept)), number=True),
                Cell(_share(_tested(records, summary)), number=True),
                Cell(_share(summary.test_after if summary is not None else None), number=True),
                Cell(duration(sum(seconds.values())), number=True),
            )
        )
    columns = ("improvement", "stage", "model", "rounds", "kept", "test before", "test after", "time")
    return Listing("Improvements", columns, rows, none="none yet: gristmill improve TASKS begins one")


def improvement_page(store: Store, asked: Asked) -> ImprovementPage | None:
    """The page of an improvement; None where there is none of that name, or a recipe's, which has its own."""
    records = StageRecords(store, asked.owner)
    config = records.begun()
    if config is None or recipe_of(records) is not None:
        return None
    summary, rounds, seconds = summary_of(records), rounds_of(records, config.rounds), records.seconds()
    before = _tested(records, summary)
    runs = frozenset(run.name for run in store.runs())
    gates = {each.round: gate_tasks(records, each, runs) for each in rounds}
    covered = next((each.coverage for each in reversed(rounds) if each.coverage), {})
    return ImprovementPage(
        name=asked.owner,
        model=config.run.member_names,
        ended=summary is not None,
        stage="" if summary is not None else _at_work(seconds, rounds, config.rounds),
        took=duration(sum(seconds.values())),
        stages=list(seconds.items()),
        before=before,
        after=summary.test_after if summary is not None else None,
        rounds=rounds,
        gates={number: tasks for number, tasks in gates.items() if tasks is not None},
        curve=_curve(before, rounds),
        bars=test_and_gates(before, summary.test_after if summary is not None else None, rounds),
        groups=combinations(summary),
        loss=loss_chart({f"round {each.round + 1}": each.loss for each in rounds}),
        summary=summary,
        accept=config.run.accept,
        declared=config.rounds,
        strata=sorted(covered.items(), key=lambda each: (each[1], each[0])),
        empty=[stratum for stratum, count in covered.items() if not count],
        foretold=foretold(records.read("forecast", Forecast), seconds),
        adapter=PurePath(summary.adapter).name if summary is not None and summary.adapter else None,
    )


def _tested(records: StageRecords, summary: Improvement | None) -> Share | None:
    if summary is not None:
        return summary.test_before
    tested = records.read("test-before", Evaluation)
    return tested.pass_at[1] if tested is not None else None


def _curve(before: Share | None, rounds: Sequence[RoundSummary]) -> Chart | None:
    tested = [(each, each.test) for each in rounds if each.test is not None]
    if before is None or not tested:
        return None
    dots = [_dot(0, before, "before")]
    for each, share in tested:
        kept = each.gate is not None and each.gate.kept
        words = f"round {each.round + 1}, {'kept' if kept else 'not kept'}"
        dots.append(_dot(each.round + 1, share, words, hollow=not kept))
    return shares_chart("Test set", "rounds", "test tasks passed", [Line("test set", dots)])


def _dot(x: int, share: Share, words: str, *, hollow: bool = False) -> Dot:
    said = f"{words}: {100 * share.rate:.1f}% (95%: {100 * share.low:.1f}% to {100 * share.high:.1f}%)"
    return Dot(x, share.rate, said, share.low, share.high, hollow)


def foretold(forecast: Forecast | None, seconds: Mapping[str, float]) -> list[tuple[str, float | None, float]]:
    """What it was to take, by what it was for, beside what it took; empty before any stage has ended."""
    if not seconds:
        return []
    said = forecast.minutes if forecast is not None else {}
    took = took_by(seconds)
    rows = [(name, said.get(name), value / 60) for name, value in took.items()]
    return [*rows, ("all", sum(said.values()) if said else None, sum(took.values()) / 60)]


def _at_work(ended: dict[str, float], rounds: Sequence[RoundSummary], declared: int) -> str:
    """What comes after that which has ended."""
    decided = {each.round for each in rounds if each.gate is not None}
    for number in range(declared):
        if number in decided:
            continue
        done = [stage for stage in _NEXT if f"round-{number + 1}/{stage}" in ended]
        return f"round {number + 1}: {_NEXT[done[-1]] if done else 'campaign'}"
    return "the test set"


def _share(share: Share | None) -> str:
    return "" if share is None else f"{100 * share.rate:.1f}%"
