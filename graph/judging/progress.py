"""How far a judging is, and what it came to: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gristmill.verifiers.records import Candidate, Outcome, Verdict

__all__ = ["JudgingProgress", "Tally"]

LINE_EVERY = 5.0  # seconds between plain lines


class Tally:
    """Counts of verdicts by kind of task."""

    def __init__(self, kinds: Mapping[str, str], total: int) -> None:
        self.total = total
        self.written = 0
        self.found_before = 0
        self._kinds = kinds
        self._counts: dict[str, Counter[str]] = {}
        self._begun = time.monotonic()

    def add(self, candidate: Candidate, outcome: Outcome | str, *, found: bool = False) -> None:
        """Count one written verdict; `found` ones were written by an earlier session."""
        self.written += 1
        self.found_before += found
        self._counts.setdefault(self._kinds[candidate.task_id], Counter())[str(outcome)] += 1

    def count(self, outcome: Outcome) -> int:
        """Verdicts with that outcome, over all kinds."""
        return sum(counts[outcome.value] for counts in self._counts.values())

    @property
    def unscored(self) -> int:
        """Candidates about which nothing is known."""
        return self.count(Outcome.UNSCORED)

    @property
    def all_passed(self) -> bool:
        """Whether every candidate was judged and passed."""
        return self.written == self.total == self.count(Outcome.PASSED)

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return time.monotonic() - self._begun

    def summary(self) -> dict[str, Any]:
        """The counts as one JSON object."""
        return {
            "candidates": self.total,
            "judged": self.written - self.unscored,
            "resumed": self.found_before,
            "outcomes": {outcome.value: self.count(outcome) for outcome in Outcome if self.count(outcome)},
            "kinds": {kind: dict(counts) for kind, counts in sorted(self._counts.items())},
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """The counts for people: one line a kind."""
        lines = []
        for kind, counts in sorted(self._counts.items()):
            told = ", ".join(f"{counts[outcome.value]} {outcome.value}" for outcome in Outcome if counts[outcome.value])
            lines.append(f"{kind}: {told}")
        new = self.written - self.found_before
        lines.append(f"{new} judged in {self.seconds:.1f} s ({new / max(self.seconds, 1e-9):.1f} a second)")
        return lines


class JudgingProgress:
    """Told of each verdict as it is found."""

    def __init__(self, console: Console, tally: Tally) -> None:
        self._console = console
        self._tally = tally
        self._done = tally.written
        self._passed = tally.count(Outcome.PASSED)
        self._begun = self._spoke = time.monotonic()
        self._bar = Progress(
            TextColumn("judging"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=tally.total, completed=self._done, detail="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def judged(self, verdict: Verdict) -> None:
        """One more verdict was found."""
        self._done += 1
        self._passed += verdict.passed
        now = time.monotonic()
        rate = (self._done - self._tally.found_before) / max(now - self._begun, 1e-9)
        detail = f"{self._passed} passed, {rate:.1f}/s"
        self._bar.update(self._task, completed=self._done, detail=detail)
        if not self._console.is_terminal and now - self._spoke >= LINE_EVERY:
            self._spoke = now
            self._console.print(f"{self._done} of {self._tally.total} judged, {detail}", markup=False)
