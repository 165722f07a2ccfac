"""A run is resumed with what it was started with."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.graph.config import RunConfig
from gristmill.graph.errors import RunMismatchError
from gristmill.graph.storage.store import Run
from gristmill.verifiers.records import Task

__all__ = ["check_same"]

_MAY_DIFFER = {"concurrency", "sandbox"}
"""Knobs that say how fast and where, not what: a resume may change them."""


def check_same(run: Run, stored: Sequence[Task], config: RunConfig, tasks: Sequence[Task]) -> None:
    """See that a run is resumed with what it was started with.

    Raises:
        RunMismatchError: names the first difference.
    """
    before, now = run.config.model_dump(), config.model_dump()
    for knob in before:
        if knob not in _MAY_DIFFER and before[knob] != now[knob]:
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
