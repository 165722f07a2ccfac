"""A run's page as lines for a terminal, and as a record for programs: of the view model that the page itself has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gristmill.graph.amounts import dollars
from gristmill.graph.commands.reports.course import bars
from gristmill.graph.view.figures import figure
from gristmill.graph.view.own.run import RunPage

__all__ = ["lines_of", "record_of", "shortly"]

_FLIGHTS = 4
"""Calls in flight that are named; the others are counted."""


class _Point(NamedTuple):
    calls: int
    score: float


def shortly(page: RunPage) -> str:
    """Where a run stands in one line."""
    flight = f"; {len(page.flight)} in flight" if page.flight else ""
    trouble = f" It does not get on: {page.stuck}." if page.stuck else ""
    return f"{page.run.name} {page.run.status}: {page.sentence.rstrip('.')}{flight}.{trouble}"


def lines_of(page: RunPage, width: int = 40) -> Sequence[str]:
    """What the page says: where the run stands, its curve, tasks by phase, verdicts, and calls in flight.

    Args:
        page: the view model.
        width: columns of the curve at most.
    """
    found = [f"{page.run.name} {page.run.status}", page.sentence]
    if page.stuck:
        found.append(f"It does not get on: {page.stuck}.")
    if page.run.detail:
        found.append(page.run.detail)
    if steps := page.curve.steps:
        drawn = bars([_Point(step.calls, step.value) for step in steps], page.curve.calls, max(1, width))
        levels = "".join(f", {name} {figure(value)}" for name, value in page.curve.levels)
        ends = f"{figure(steps[0].value)} to {figure(steps[-1].value)} in {page.curve.calls:,} calls{levels}"
        found.append(f"{page.curve.label}: {drawn} {ends}")
    found.append("tasks: " + ", ".join(f"{each.sign} {len(each.tasks)} {each.name}" for each in page.phases))
    if page.outcomes:
        words = (f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in page.outcomes)
        found.append("verdicts: " + ", ".join(words))
    if page.last is not None:
        built = f", built on {page.last.parent}" if page.last.parent else ""
        found.append(f"better last: {page.last.id}, score {page.last.score}, by {page.last.operator}{built}")
    if page.flight:
        named = [f"{each.hypothesis} for {each.since}" for each in page.flight[:_FLIGHTS]]
        more = [f"{len(page.flight) - _FLIGHTS} more"] if len(page.flight) > _FLIGHTS else []
        found.append("in flight: " + ", ".join([*named, *more]))
    return found


def record_of(page: RunPage, event: int) -> dict[str, Any]:
    """What the page says, for programs: money in dollars, seconds, and times in seconds since the epoch.

    Args:
        page: the view model.
        event: number of the last event that was stored.
    """
    best, facts = page.curve.steps[-1:], page.facts
    return {
        "event": event,
        "run": page.run.name,
        "status": page.run.status,
        "detail": page.run.detail,
        "sentence": page.sentence,
        "stuck": page.stuck,
        "curve": page.curve.label,
        "best": {"value": best[0].value, "calls": best[0].calls, "hypothesis": best[0].id} if best else None,
        "levels": dict(page.curve.levels),
        "tasks": {each.name: len(each.tasks) for each in page.phases},
        "verdicts": {outcome.value: count for outcome, count in page.outcomes},
        "flight": [
            {"hypothesis": each.hypothesis, "attempt": each.attempt, "started": each.started} for each in facts.flight
        ],
        "spent": {
            "calls": facts.calls,
            "tokens": facts.tokens,
            "money": dollars(facts.money),
            "seconds": page.run.seconds,
        },
        "budget": page.run.config.budget.model_dump(mode="json"),
    }
