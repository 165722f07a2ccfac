"""A count that grows: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Counting"]

LINE_EVERY = 5.0  # seconds between plain lines


class Counting:
    """Shows how many of `total` are done; `doing` stands before the bar, `done_is` behind the count of a plain line."""

    def __init__(self, console: Console, doing: str, done_is: str, total: int, done: int = 0) -> None:
        self._console = console
        self._done_is = done_is
        self._total = total
        self._spoke = time.monotonic()
        self._bar = Progress(
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=done, detail="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int, detail: str) -> None:
        """So many are done now."""
        self._bar.update(self._task, completed=done, detail=detail)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._spoke >= LINE_EVERY:
            self._spoke = now
            self._console.print(f"{done} of {self._total} {self._done_is}, {detail}", markup=False)
