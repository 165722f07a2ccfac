"""Files of tasks and of candidates → records, with errors that name the file, the line and the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gristmill.graph.tasks.complaints import complaints
from gristmill.graph.tasks.packages.reading import PackageFilesError, with_texts
from gristmill.graph.tasks.problems import MOST_PROBLEMS, FileRow, Mistake, TaskFileError
from gristmill.graph.tasks.published import import_hint
from gristmill.graph.tasks.rows import read_rows
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Candidate, CodeTest, ScoreTest, Task
from gristmill.verifiers.registry import problems as task_problems
from gristmill.verifiers.repositories.git import RepositoryError
from gristmill.verifiers.repositories.trees import pinned
from gristmill.verifiers.testing.data import DataError
from gristmill.verifiers.testing.data import pinned as pinned_data

__all__ = ["TaskFileError", "load_candidates", "load_tasks", "task_row"]

R = TypeVar("R", bound=Record)


def load_tasks(path: str | Path) -> list[Task]:
    """The tasks of a JSON Lines or YAML file (gzipped or not), in its order, all of which can be judged here.

    Raises:
        TaskFileError: with up to 20 mistakes, each with its line, its field and what to do.
    """
    reading = _Reading(path)
    seen: dict[str, int] = {}
    for row in _rows(path, reading):
        if published := import_hint(row.value, str(path)):
            raise TaskFileError(path, [Mistake(published, row.line)])
        try:
            row = replace(row, value=with_texts(row.value, Path(path).parent))
        except PackageFilesError as error:
            reading.add(Mistake(str(error), row.line_of(tuple(error.field.split("[")[0].split("."))), error.field))
            continue
        task = _record(Task, row, reading)
        if task is None or (task := _pinned(task, row, reading)) is None:
            continue
        if task.id in seen:
            trouble = f"`id`: {task.id!r} is already the id of the task on line {seen[task.id]}; ids must differ"
            reading.add(Mistake(trouble, row.line_of(("id",)), "id"))
        seen.setdefault(task.id, row.line)
        for sentence in task_problems(task):
            field = sentence.partition(":")[0].strip("` ")
            is_field = field.partition("[")[0].partition(".")[0] in Task.model_fields
            line = row.line_of((field.partition("[")[0].partition(".")[0],)) if is_field else row.line
            reading.add(Mistake(f"task {task.id!r}: {sentence}", line, field if is_field else ""))
        reading.tasks.append(task)
    reading.raise_if_any()
    return reading.tasks


def load_candidates(path: str | Path, tasks: Iterable[Task]) -> list[Candidate]:
    """The candidates of a JSON Lines or YAML file, in its order, each for one of `tasks`.

    Raises:
        TaskFileError: with up to 20 mistakes, a candidate for an unknown task among them.
    """
    reading = _Reading(path)
    ids = {task.id for task in tasks}
    seen: dict[tuple[str, str], int] = {}
    candidates: list[Candidate] = []
    for row in _rows(path, reading):
        candidate = _record(Candidate, row, reading)
        if candidate is None:
            continue
        key = (candidate.task_id, candidate.id)
        if candidate.task_id not in ids:
            reading.add(Mistake(_unknown_task(candidate.task_id, ids), row.line_of(("task_id",)), "task_id"))
        elif key in seen:
            trouble = (
                f"`id`: the candidate {candidate.id!r} of task {candidate.task_id!r} is on line {seen[key]} already"
            )
            reading.add(Mistake(trouble, row.line_of(("id",)), "id"))
        seen.setdefault(key, row.line)
        candidates.append(candidate)
    reading.raise_if_any()
    return candidates


def task_row(task: Task) -> dict[str, Any]:
    """A task as a row of a file: what differs from the defaults, in the order of the fields."""
    row = task.model_dump(mode="json", exclude_defaults=True)
    for field in ("tests", "public_tests"):
        tests: Sequence[Mapping[str, Any]] = row.get(field, ())
        if tests:
            # `type` has a default and would be left out, but it is what tells the kinds of test apart.
            kinds = [test.type for test in getattr(task, field)]
            row[field] = [{"type": kind, **test} for kind, test in zip(kinds, tests, strict=True)]
    return row


class _Reading:
    """Problems on their way into one error."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.tasks: list[Task] = []
        self._problems: list[Mistake] = []

    def add(self, problem: Mistake) -> None:
        if len(self._problems) == MOST_PROBLEMS:
            raise TaskFileError(self.path, self._problems, more=True)
        self._problems.append(problem)

    def raise_if_any(self) -> None:
        if self._problems:
            raise TaskFileError(self.path, self._problems)


def _rows(path: str | Path, reading: _Reading) -> Iterable[FileRow]:
    for row in read_rows(path):
        if isinstance(row, Mistake):
            reading.add(row)
        else:
            yield row


def _record(record: type[R], row: FileRow, reading: _Reading) -> R | None:
    try:
        return record.model_validate(row.value)
    except ValidationError as error:
        for problem in complaints(error, row, record):
            reading.add(problem)
    return None


def _pinned(asked: Task, row: FileRow, reading: _Reading) -> Task | None:
    """The task with its repository or its data, if it has any, as absolute paths and hashes: what a run keeps of it."""
    task = _with_data(asked, row, reading)
    if task is None or task.repo is None:
        return task
    try:
        return task.model_copy(update={"repo": pinned(task.repo, Path(reading.path).parent)})
    except RepositoryError as error:
        reading.add(Mistake(f"task {task.id!r}: repo: {error}", row.line_of(("repo",)), "repo"))
    return None


def _with_data(task: Task, row: FileRow, reading: _Reading) -> Task | None:
    tests: list[CodeTest] = []
    for number, test in enumerate(task.tests):
        found = []
        for place, data in enumerate(test.data if isinstance(test, ScoreTest) else ()):
            try:
                found.append(pinned_data(data, Path(reading.path).parent))
            except DataError as error:
                field = f"tests[{number}].data[{place}]"
                line = row.line_of(("tests", number, "data", place))
                reading.add(Mistake(f"task {task.id!r}: {field}: {error}", line, field))
                return None
        tests.append(test.model_copy(update={"data": tuple(found)}) if found else test)
    return task.model_copy(update={"tests": tuple(tests)}) if tests != list(task.tests) else task


def _unknown_task(task_id: str, ids: set[str]) -> str:
    near = get_close_matches(task_id, ids, n=1) if len(ids) <= 10_000 else []
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {len(ids)} tasks, {min(ids)!r} among them"
    return f"`task_id`: no task has the id {task_id!r}{hint}"
