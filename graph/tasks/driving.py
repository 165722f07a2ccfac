"""Tasks whose tests are written as driven ones, and what is said of those that cannot be."""

from __future__ import annotations

from gristmill.graph.tasks.loading import load_tasks
from gristmill.graph.tasks.output import refuse_existing
from gristmill.graph.tasks.writing import write_tasks
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import say
from gristmill.verifiers.code.split.writing import driven
from gristmill.verifiers.records import Task

__all__ = ["write_driven"]

_MOST_SAID = 20


def write_driven(file: str, out: str, *, force: bool) -> bool:
    """Write the tasks of a file, their `python` and `pytest` tests as driven ones; False if some stay, which are named.

    Raises:
        TaskFileError: the file has mistakes.
        UserError: none of its tests can be written so, or `out` must not be written.
    """
    refuse_existing(out, force=force)
    tasks: list[Task] = []
    number, left = 0, []
    loaded = load_tasks(file)
    for task in loaded:
        made, count, reasons = driven(task)
        tasks.append(made)
        number += count
        left += [f"{file}: task {task.id!r}: {each}: stays as it is" for each in reasons]
    if not number:
        if left:
            more = "" if len(left) <= _MOST_SAID else f"\n  and {len(left) - _MOST_SAID} more"
            raise UserError("\n  ".join(["no test can be written as a driven one", *left[:_MOST_SAID]]) + more)
        raise UserError(f"{file}: no task has a `python` or `pytest` test, which alone are written as driven ones")
    write_tasks(out, tasks, force=force)
    for each in left:
        say(each, err=True)
    tests = "1 test is" if number == 1 else f"{number} tests are"
    say(f"{tests} driven now: read them, and see `gristmill tasks check {out} --run-references`", err=True)
    return not left
