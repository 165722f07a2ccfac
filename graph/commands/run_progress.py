"""How a run goes, while it goes: a live line on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gristmill.graph.events import Event, Judged, Replied, RunEnded, RunStarted, TaskEnded
from gristmill.verifiers.records import Outcome

__all__ = ["RunProgress"]

_LINE_EVERY = 10.0
"""Seconds between plain lines."""


class RunProgress:
    """A listener for `run_campaign` and a context manager around it.

    Args:
        console: where to; whether it is a terminal decides between the live line and plain lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bar = Progress(
            TextColumn("tasks"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not self._live,
            transient=True,
        )
        self._row = self._bar.add_task("", total=None)
        self._begun = self._spoke = time.monotonic()
        self._tasks = self._ended = self._solved = 0
        self._replies = self._verdicts = self._passed = self._unscored = self._tokens = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        match event:
            case RunStarted():
                self._tasks, self._ended = event.tasks, event.ended
                word = "resuming" if event.resumed else "starting"
                self._say(f"{word} run {event.run}: {event.tasks} tasks, {event.ended} ended, model {event.model}")
            case Replied():
                self._replies += 1
                self._tokens += event.tokens.prompt + event.tokens.completion
            case Judged():
                self._verdicts += 1
                self._passed += event.outcome is Outcome.PASSED
                self._unscored += event.outcome is Outcome.UNSCORED
            case TaskEnded():
                self._ended = min(self._ended + 1, self._tasks)
                self._solved += event.solved
            case RunEnded():
                self._say(
                    f"run {event.run} {event.status} after {time.monotonic() - self._begun:.1f} s: {self._line()}"
                )
                return
            case _:
                return
        if self._live:
            self._bar.update(self._row, completed=self._ended, total=self._tasks, description=self._line())
        elif time.monotonic() - self._spoke > _LINE_EVERY:
            self._say(f"{self._ended}/{self._tasks} tasks: {self._line()}")

    def _line(self) -> str:
        rate = self._tokens / max(time.monotonic() - self._begun, 1e-3)
        unscored = f", {self._unscored} unscored" if self._unscored else ""
        return (
            f"{self._solved} solved, {self._replies} replies, {self._verdicts} verdicts, "
            f"{self._passed} passed{unscored}, {rate:.0f} tokens/s"
        )

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
