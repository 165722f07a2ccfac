"""How far an attack on tasks is: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gristmill.verifiers.code.attacks.suite import Attempt
from gristmill.verifiers.records import Outcome

__all__ = ["AttackProgress"]

_LINE_EVERY = 5.0  # seconds between plain lines


class AttackProgress:
    """Told of each attempt as it ends."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = self._passed = 0
        self._spoke = time.monotonic()
        self._bar = Progress(
            TextColumn("attacking"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, detail="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tried(self, attempt: Attempt) -> None:
        """One more attack was judged."""
        self._done += 1
        self._passed += attempt.outcome is Outcome.PASSED
        detail = f"{self._passed} passed"
        self._bar.update(self._task, completed=self._done, detail=detail)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._spoke >= _LINE_EVERY:
            self._spoke = now
            self._console.print(f"{self._done} of {self._total} tried, {detail}", markup=False)
