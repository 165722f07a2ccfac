"""Tasks that must not get worse: a baseline that can be committed, and what has become worse since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from gristmill.graph.comparing import Comparison, compare
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.comparisons import task_digest
from gristmill.trainers.measure.records import TaskResult
from gristmill.verifiers.records import Task

__all__ = [
    "Baseline",
    "BaselineTask",
    "Regression",
    "Worse",
    "baseline_of",
    "read_baseline",
    "regression",
    "write_baseline",
]


class BaselineTask(Record):
    """What one task had come to."""

    digest: str = Field(description="of what it asks and how it is judged")
    passed: int = Field(ge=0)
    scored: int = Field(ge=0)


class Baseline(Record):
    """What a suite had come to when it was recorded, and how it was asked."""

    version: Literal[1] = 1
    model: str
    adapter: str | None = None
    samples: int = Field(ge=1)
    temperature: float = Field(ge=0)
    seed: int
    tasks: dict[str, BaselineTask]


class Worse(Record):
    """A task that passes less than it did."""

    task: str
    before: float = Field(description="share of replies that passed")
    after: float


class Regression(Record):
    """What has changed since the baseline."""

    worse: tuple[Worse, ...] = Field(description="by more than the margin; the worst first")
    better: tuple[str, ...]
    new: tuple[str, ...] = Field((), description="tasks that the baseline does not know: nothing is said of them")
    unscored: tuple[str, ...] = ()
    comparison: Comparison = Field(description="after is now")
    p_worse: float = Field(description="one-sided, of `the suite as a whole is no worse`")
    alpha: float
    margin: float
    tolerated: int

    @property
    def failed(self) -> bool:
        """More tasks are worse than are tolerated, or the suite is as a whole."""
        return len(self.worse) > self.tolerated or self.p_worse <= self.alpha


def baseline_of(tasks: Sequence[Task], results: Sequence[TaskResult], **asked: object) -> Baseline:
    """The baseline that these results make; `asked` is how they were asked for.

    Raises:
        InfrastructureError: a task could not be scored, so that nothing could be held against it later.
    """
    by_id = {result.task_id: [each for each in result.passed if each is not None] for result in results}
    if missing := [task.id for task in tasks if not by_id.get(task.id)]:
        names = ", ".join(missing[:5])
        raise InfrastructureError(f"{len(missing)} tasks could not be scored ({names}): no baseline was recorded")
    rows = {
        task.id: BaselineTask(digest=task_digest(task), passed=sum(by_id[task.id]), scored=len(by_id[task.id]))
        for task in tasks
    }
    return Baseline.model_validate({**asked, "tasks": rows})


def read_baseline(path: Path) -> Baseline:
    """A baseline from its file.

    Raises:
        UserError: it is none; names the file, the field and what is wrong.
    """
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{path}: {field + ': ' if field else ''}{first['msg']}; record it again with --record"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a baseline that can be read: {error}") from error


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, one task a line, in the order of names: changes are seen in a diff.

    Raises:
        InfrastructureError: the file cannot be written.
    """
    head = baseline.model_dump(mode="json", exclude={"tasks"})
    rows = [f"  {json.dumps(name)}: {row.model_dump_json()}" for name, row in sorted(baseline.tasks.items())]
    fields = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    tasks = ' "tasks": {\n' + ",\n".join(rows) + "\n }"
    draft = path.with_name(f"{path.name}.part")
    try:
        draft.write_text("{\n" + ",\n".join([*fields, tasks]) + "\n}\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise InfrastructureError(f"cannot write {path}: {error.strerror}") from error


def regression(
    baseline: Baseline,
    tasks: Sequence[Task],
    results: Sequence[TaskResult],
    *,
    margin: float = 0.0,
    tolerate: int = 0,
    alpha: float = 0.05,
) -> Regression:
    """Which tasks pass less than they did, by more than `margin`, and whether the suite does as a whole.

    Args:
        margin: by how much a task's share of passes may fall.
        tolerate: so many tasks may be worse.
        alpha: the suite as a whole is worse if the one-sided paired test's p is at most this.

    Raises:
        UserError: a task was changed since, or one of the baseline is not in the suite.
    """
    known = {task.id: task for task in tasks}
    if gone := [name for name in baseline.tasks if name not in known]:
        raise UserError(
            f"{len(gone)} tasks of the baseline are not in the suite ({', '.join(gone[:5])}): --record it anew"
        )
    changed = [name for name, row in baseline.tasks.items() if task_digest(known[name]) != row.digest]
    if changed:
        raise UserError(
            f"{len(changed)} tasks were changed since the baseline ({', '.join(changed[:5])}): --record it anew"
        )
    now = {result.task_id: [each for each in result.passed if each is not None] for result in results}
    before = {name: row.passed / row.scored for name, row in baseline.tasks.items() if row.scored}
    after = {name: sum(now[name]) / len(now[name]) for name in before if now.get(name)}
    single = all(row.scored == 1 for row in baseline.tasks.values()) and all(len(each) <= 1 for each in now.values())
    kind = bool if single else float
    worse = [
        Worse(task=name, before=before[name], after=after[name])
        for name in after
        if before[name] - after[name] > margin + 1e-9
    ]
    then = [kind(before[name]) for name in before]
    current = [kind(after[name]) if name in after else None for name in before]
    return Regression(
        worse=tuple(sorted(worse, key=lambda each: (each.after - each.before, each.task))),
        better=tuple(name for name in after if after[name] > before[name]),
        new=tuple(task.id for task in tasks if task.id not in baseline.tasks),
        unscored=tuple(name for name in before if name not in after),
        comparison=compare(then, current),
        p_worse=compare(current, then).p_better,
        alpha=alpha,
        margin=margin,
        tolerated=tolerate,
    )
