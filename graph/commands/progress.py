"""How far a command is: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Display", "beating"]

LINE_EVERY = 10.0
"""Seconds between plain lines."""
_BEAT = 1.0
_QUIET = 6
"""So many times longer is it between lines while nothing happens."""


@asynccontextmanager
async def beating(beat: Callable[[], None], every: float = _BEAT) -> AsyncIterator[None]:
    """Call `beat` again and again while the block runs, so that waiting is seen to be waiting."""

    async def forever() -> None:
        while True:
            await asyncio.sleep(every)
            beat()

    heart = asyncio.create_task(forever(), name="heartbeat")
    try:
        yield
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart


class Display:
    """One bar, shown while the context is entered. Its methods may be called from any thread.

    Args:
        console: where to; whether it is a terminal decides between the bar and plain lines.
        title: stands before the bar.
        unit: what is counted, behind the count of a plain line.
    """

    def __init__(self, console: Console, title: str = "", unit: str = "") -> None:
        self._console, self._unit = console, unit
        self._begun = self._spoke = time.monotonic()
        self._indent = ""
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, detail="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return time.monotonic() - self._begun

    def stage(self, title: str) -> None:
        """Begin the next of several works: a line with the time so far, and the bar from its start."""
        minutes, seconds = divmod(int(self.seconds), 60)
        self._indent = ""
        self.note(f"{minutes:02d}:{seconds:02d}  {title}")
        self._indent = " " * 7
        self._bar.reset(self._task, description=title, total=None, detail="")

    def update(self, done: float, total: float, detail: str = "", *, news: bool = True) -> None:
        """So many of so many are done now; without `news` a plain line comes seldom."""
        self._bar.update(self._task, completed=done, total=total, detail=detail)
        after = LINE_EVERY * (1 if news else _QUIET)
        if not self._console.is_terminal and time.monotonic() - self._spoke >= after:
            counted = f"{done:g} of {total:g} {self._unit}".rstrip()
            self.note(f"{counted}, {detail}" if detail else counted)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._spoke = time.monotonic()
        self._console.print(f"{self._indent}{text}", soft_wrap=True)
