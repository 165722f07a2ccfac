"""A run is resumed with what it was started with, or with more rounds and a larger budget."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.graph.config import RunConfig
from gristmill.graph.errors import RunMismatchError
from gristmill.graph.records import StopReason
from gristmill.graph.summary import Purpose, Run
from gristmill.verifiers.records import Task

__all__ = ["check_same", "raised"]

_MAY_DIFFER = {"concurrency", "sandbox"}
"""Knobs that say how fast and where, not what: a resume may change them."""


def raised(before: RunConfig, now: RunConfig) -> frozenset[StopReason]:
    """The bounds that are wider now, by the reason with which they end a task."""
    old, new = _bounds(before), _bounds(now)
    return frozenset(reason for reason in old if _wider(old[reason], new[reason]))


def _bounds(config: RunConfig) -> dict[StopReason, float | None]:
    """None is without bound."""
    budget = config.budget
    return {
        StopReason.ROUNDS: config.search.rounds,
        StopReason.CALLS: budget.calls,
        StopReason.TOKENS: budget.tokens,
        StopReason.SECONDS: budget.seconds,
    }


def _wider(old: float | None, new: float | None) -> bool:
    return old is not None and (new is None or new > old)


def check_same(
    run: Run, stored: Sequence[Task], config: RunConfig, tasks: Sequence[Task], purpose: Purpose = "search"
) -> None:
    """See that a run is resumed with what it was started with, bounds apart, which may be widened.

    Raises:
        RunMismatchError: names the first difference.
    """
    if run.purpose != purpose:
        command = {"search": "run", "evaluation": "eval"}[run.purpose]
        raise RunMismatchError(f"{run.name!r} is not of this kind: go on with it by `gristmill {command} --resume`")
    old_bounds, new_bounds = _bounds(run.config), _bounds(config)
    for reason, bound in old_bounds.items():
        if bound != new_bounds[reason] and not _wider(bound, new_bounds[reason]):
            raise RunMismatchError(
                f"the run {run.name!r} was started with {reason.value} = {_told(bound)}, "
                f"{_told(new_bounds[reason])} is less: a resume may only widen its bounds"
            )
    before, now = run.config.knobs(), config.knobs()
    for knob in before:
        if knob not in {*_MAY_DIFFER, *_bounds(config)} and before[knob] != now[knob]:
            raise RunMismatchError(
                f"the run {run.name!r} was started with {knob} = {before[knob]!r}, not {now[knob]!r}: "
                "leave the option out to resume, or start a new run under another --name"
            )
    old, new = {task.id: task for task in stored}, {task.id: task for task in tasks}
    difference = None
    if missing := [id_ for id_ in old if id_ not in new]:
        difference = f"task {missing[0]!r} is missing"
    elif added := [id_ for id_ in new if id_ not in old]:
        difference = f"task {added[0]!r} is new"
    elif changed := [id_ for id_ in old if old[id_].model_dump_json() != new[id_].model_dump_json()]:
        difference = f"task {changed[0]!r} has changed"
    if difference is not None:
        raise RunMismatchError(
            f"the run {run.name!r} was started with other tasks: {difference}; "
            "resume with the same task file, or start a new run under another --name"
        )


def _told(bound: float | None) -> str:
    return "no bound" if bound is None else f"{bound:g}"
