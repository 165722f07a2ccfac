"""Writes tasks into files: JSON Lines, or YAML where the name says so, in which the texts of programs can be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from gristmill.graph.tasks.loading import task_row
from gristmill.graph.tasks.output import counted, file_errors, refuse_existing, row_writer
from gristmill.graph.tasks.rows import is_yaml
from gristmill.sandbox.plain import say
from gristmill.verifiers.records import Task

__all__ = ["write_tasks"]


def write_tasks(out: str, tasks: Iterable[Task], *, force: bool) -> None:
    """Write the tasks to `out`, ``-`` for standard output, and say how many they are.

    Raises:
        UserError: see `gristmill.graph.tasks.output.refuse_existing`.
        InfrastructureError: it cannot be written.
    """
    written: list[Task] = []
    if is_yaml(out):
        refuse_existing(out, force=force)
        written += tasks
        rows = [task_row(task) for task in written]
        text = yaml.dump(rows, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30)
        with file_errors(out):
            Path(out).write_text(text, "utf-8")
    else:
        with row_writer(out, force=force) as write:
            for task in tasks:
                write(task_row(task))
                written.append(task)
    if out != "-":
        say(f"wrote {counted(written)} to {out}")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they stand, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """See `yaml.SafeDumper`."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.rstrip("\n") else None
    # Breaks of lines to YAML, which would be read again as spaces.
    if any(each in text for each in "\x85\u2028\u2029"):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
