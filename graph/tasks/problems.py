"""What is wrong with a file that a user handed us, and where; and the rows that are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError

__all__ = ["MOST_PROBLEMS", "FileRow", "Mistake", "TaskFileError", "kind_of"]

MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Mistake:
    """One mistake in a file: where it is, and what to do about it."""

    message: str
    line: int | None = None
    field: str = ""

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class TaskFileError(UserError):
    """A file of tasks or candidates cannot be used as it is; `problems` holds up to `MOST_PROBLEMS` of its mistakes."""

    def __init__(self, path: str | Path, problems: list[Mistake], *, more: bool = False) -> None:
        self.path = str(path)
        self.problems = tuple(problems)
        if len(problems) == 1 and not more:
            separator = ": " if problems[0].line is None else ", "
            super().__init__(f"{path}{separator}{problems[0]}")
            return
        count = f"the first {len(problems)} problems" if more else f"{len(problems)} problems"
        super().__init__("\n  ".join([f"{path}: {count}", *map(str, problems)]))


@dataclass(frozen=True)
class FileRow:
    """One record of a file as plain values."""

    value: dict[str, Any]
    line: int
    locate: Callable[[tuple[str | int, ...]], int] | None = None

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of the value at `path`, as near as the format tells: in JSON Lines that of the row."""
        return self.locate(path) if self.locate else self.line


def kind_of(value: Any) -> str:
    """What a value is, in the words of a data file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}" if len(str(value)) <= 20 else "a number"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 40 else "text"
    return "a list" if isinstance(value, (list, tuple)) else "an object"
