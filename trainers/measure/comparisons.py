"""Two stored evaluations or runs side by side: the same tasks, paired, as a whole and by tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from gristmill.graph.comparing import Comparison, compare
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.evaluation import evaluation_of
from gristmill.trainers.measure.records import TaskResult
from gristmill.verifiers.records import Direction, Outcome, Task

__all__ = ["ComparedRuns", "Differing", "TagRow", "compare_runs", "rates", "task_digest", "values_of"]

Value = bool | float | None
# Tags of many tasks say a kind of task; those without a name before a colon are the file's own.
_SHOWN = ("family", "stratum", "combo", "level", "subject")


class Differing(Record):
    """A task on which the two differ."""

    task: str
    tags: tuple[str, ...] = ()
    before: float
    after: float
    show: tuple[str, str] = Field(description="the commands that show what each has answered")


class TagRow(Record):
    """The tasks of one tag."""

    tag: str
    comparison: Comparison


class ComparedRuns(Record):
    """What setting one evaluation or run beside another has found."""

    before: str
    after: str
    models: tuple[str, str] = Field(description="who was asked: model, adapter, kind of prompts")
    comparison: Comparison
    tags: tuple[TagRow, ...] = ()
    differing: tuple[Differing, ...] = Field((), description="losses first, then by how much")
    only_before: int = Field(0, description="tasks that only the first has; they count for nobody")
    only_after: int = 0


def task_digest(task: Task) -> str:
    """What a task asks and how it is judged, in a digest; its split and tags are no part of that."""
    plain = task.model_copy(update={"split": None, "tags": (), "reference": None})
    return hashlib.sha256(plain.model_dump_json(exclude_defaults=True).encode("utf-8", "surrogatepass")).hexdigest()[
        :16
    ]


def rates(results: Sequence[TaskResult]) -> dict[str, Value]:
    """By task: whether its one reply passed, or the share of several that did; None where nothing was scored."""
    values: dict[str, Value] = {}
    for result in results:
        scored = [passed for passed in result.passed if passed is not None]
        single = len(result.passed) == 1
        values[result.task_id] = None if not scored else scored[0] if single else sum(scored) / len(scored)
    return values


def values_of(store: Store, name: str) -> dict[str, Value]:
    """What a stored evaluation or run has come to on each of its tasks; the greater is the better.

    Of an evaluation see `rates`. Of a search: whether the task was solved, or of tasks that are graded the best score.

    Raises:
        UnknownRunError: there is no such run.
    """
    if store.get_run(name).purpose == "evaluation":
        return rates(evaluation_of(store, name).results)
    tasks = {task.id: task for task in store.tasks(name)}
    values: dict[str, Value] = {}
    for each in store.standings(name):
        if each.outcome in (None, Outcome.UNSCORED):
            values[each.task] = None
        elif each.graded and each.score is not None:
            values[each.task] = -each.score if tasks[each.task].direction is Direction.MINIMIZE else each.score
        else:
            values[each.task] = each.solved
    return values


def compare_runs(store: Store, before: str, after: str) -> ComparedRuns:
    """Pair two stored evaluations or runs task by task.

    Raises:
        UserError: they have no task in common, or a task of one id is another one in each.
        UnknownRunError: one of them is not there.
    """
    # Of a run that is not there, this says so.
    names = [store.get_run(name).name for name in (before, after)]
    tasks = [{task.id: task for task in store.tasks(name)} for name in names]
    common = [id_ for id_ in tasks[0] if id_ in tasks[1]]
    if not common:
        raise UserError(f"{before} and {after} have no task in common: there is nothing to compare")
    for id_ in common:
        if task_digest(tasks[0][id_]) != task_digest(tasks[1][id_]):
            raise UserError(
                f"the task {id_!r} is another one in {before} than in {after} (prompt, tests or settings differ): "
                "measure both on one file"
            )
    old, new = values_of(store, before), values_of(store, after)
    return ComparedRuns(
        before=before,
        after=after,
        models=(_asked(store, before), _asked(store, after)),
        comparison=_compared(common, old, new),
        tags=tuple(_by_tag([tasks[0][id_] for id_ in common], old, new)),
        differing=tuple(_differing([tasks[0][id_] for id_ in common], old, new, (before, after))),
        only_before=len(tasks[0]) - len(common),
        only_after=len(tasks[1]) - len(common),
    )


def _asked(store: Store, name: str) -> str:
    config = store.get_run(name).config
    adapter = f", adapter {Path(config.adapter).name}" if config.adapter else ""
    return f"{config.member_names}{adapter}, profile {config.prompts.profile}"


def _compared(ids: Sequence[str], old: Mapping[str, Value], new: Mapping[str, Value]) -> Comparison:
    return compare([old.get(id_) for id_ in ids], [new.get(id_) for id_ in ids])


def _by_tag(tasks: Sequence[Task], old: Mapping[str, Value], new: Mapping[str, Value]) -> list[TagRow]:
    """Tags that some of the tasks have, not all; families and the like first, those that differ most first."""
    ids: dict[str, list[str]] = {}
    for task in tasks:
        for tag in task.tags:
            ids.setdefault(tag, []).append(task.id)
    rows = [
        TagRow(tag=tag, comparison=_compared(some, old, new))
        for tag, some in ids.items()
        if tag.partition(":")[0] in _SHOWN or 1 < len(some) < len(tasks)
    ]
    return sorted(rows, key=lambda row: (row.comparison.wins - row.comparison.losses, row.tag))


def _differing(
    tasks: Sequence[Task], old: Mapping[str, Value], new: Mapping[str, Value], names: tuple[str, str]
) -> list[Differing]:
    from shlex import quote

    rows = []
    for task in tasks:
        before, after = old.get(task.id), new.get(task.id)
        if before is None or after is None or before == after:
            continue
        shown = [f"gristmill show {quote(name)} --task {quote(task.id)}" for name in names]
        rows.append(
            Differing(task=task.id, tags=task.tags, before=float(before), after=float(after), show=(shown[0], shown[1]))
        )
    return sorted(rows, key=lambda row: (row.after - row.before, row.task))
