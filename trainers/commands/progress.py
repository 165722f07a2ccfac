"""How far an improvement is: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["StageProgress"]

LINE_EVERY = 15.0  # seconds between plain lines


class StageProgress:
    """One line a stage; `update` may be called from any thread."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = None if not console.is_terminal else self._bar.add_task("", total=None, detail="")
        self._title = ""
        self._spoke = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._bar.stop()

    def stage(self, name: str, title: str) -> None:
        """Begin a stage."""
        self._title, self._spoke = title, time.monotonic()
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self.console.print(f"[dim]{minutes:02d}:{seconds:02d}[/dim]  {title}", highlight=False)
        if self._task is not None:
            self._bar.reset(self._task, description=title, total=None, detail="")

    def update(self, done: float, total: float, detail: str = "") -> None:
        """Move the bar; off a terminal, a line now and then."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, detail=detail)
        elif time.monotonic() - self._spoke > LINE_EVERY:
            self._spoke = time.monotonic()
            self.console.print(f"       … {done:g}/{total:g} {detail}".rstrip(), highlight=False)

    def note(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"       {text}", highlight=False, markup=False)
