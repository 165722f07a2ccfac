"""A hypothesis beside its parent: the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gristmill.graph.records import Step
from gristmill.graph.reports.course import difference, operator_of
from gristmill.graph.storage.store import Store
from gristmill.graph.view.figures import figure
from gristmill.verifiers.records import Outcome

__all__ = ["Accepted", "Line", "accepted", "changes", "parted"]

_MOST = 1500
"""Lines of a difference that a page shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference; its sign stands before it."""

    kind: Literal["added", "removed", "head", "same"]
    text: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What made the best better last."""

    id: str
    task: str
    parent: str | None
    operator: str
    model: str
    outcome: Outcome
    score: str
    lines: Sequence[Line]


def parted(text: str) -> list[Line]:
    """The lines of a unified diff."""
    found: list[Line] = []
    lines = text.splitlines()
    for line in lines[:_MOST]:
        if line.startswith(("+++", "---", "@@", "diff ")):
            found.append(Line("head", line))
        elif line.startswith("+"):
            found.append(Line("added", line))
        elif line.startswith("-"):
            found.append(Line("removed", line))
        else:
            found.append(Line("same", line))
    if len(lines) > _MOST:
        found.append(Line("head", f"({len(lines) - _MOST} more lines)"))
    return found


def changes(store: Store, run: str, step: Step) -> list[Line]:
    """How a hypothesis differs from its first parent; all of it where it has none."""
    parent = next(iter(step.hypothesis.parents), None)
    before = store.steps_of(run, [parent]).get(parent) if parent is not None else None
    return parted(difference(before, step))


def accepted(store: Store, run: str, id_: str) -> Accepted | None:
    """A hypothesis that made the best better; None where it is not judged any more."""
    step = store.steps_of(run, [id_]).get(id_)
    if step is None:
        return None
    return Accepted(
        id=id_,
        task=step.hypothesis.task_id,
        parent=next(iter(step.hypothesis.parents), None),
        operator=operator_of(step.hypothesis),
        model=step.hypothesis.model,
        outcome=step.verdict.outcome,
        score=figure(step.verdict.score),
        lines=changes(store, run, step),
    )
