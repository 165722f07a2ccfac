"""Writes the tests of a task as driven ones, for its author to read and confirm."""

from __future__ import annotations

from gristmill.verifiers.code.split.splitting import Split, split
from gristmill.verifiers.records import CodeTest, DrivenTest, PytestTest, PythonTest, Task

__all__ = ["driven"]

_FIELDS = ("public_tests", "tests")
_PLACES = ("setup:", "code:", "files[")


def driven(task: Task) -> tuple[Task, int, list[str]]:
    """The task with its `python` and `pytest` tests as driven ones, how many those are, and why others stay."""
    changed: dict[str, tuple[CodeTest, ...]] = {}
    number, reasons = 0, []
    for field in _FIELDS:
        tests: list[CodeTest] = []
        for place, test in enumerate(getattr(task, field)):
            made = split(test) if isinstance(test, PythonTest | PytestTest) else None
            if isinstance(made, str):
                reasons.append(f"{field}[{place}]{'.' if made.startswith(_PLACES) else ': '}{made}")
            number += isinstance(made, Split)
            tests.append(made.test if isinstance(made, Split) else test)
        changed[field] = tuple(tests)
    if not number:
        return task, 0, reasons
    made_task = task.model_copy(update=changed)
    # A driven test names what it asks of a solution in its text alone, and may ask through a module.
    if "entry_point" not in task.settings and not _names(task) <= _names(made_task):
        settings = {**task.settings, "entry_point": sorted(_names(task))}
        made_task = made_task.model_copy(update={"settings": settings})
    return made_task, number, reasons


def _names(task: Task) -> set[str]:
    return {name for test in (*task.public_tests, *task.tests) for name in _asked(test)}


def _asked(test: CodeTest) -> tuple[str, ...]:
    if isinstance(test, PythonTest | PytestTest | DrivenTest):
        return (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)
    return ()
