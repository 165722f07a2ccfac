"""How far a judging is, and what it came to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gristmill.graph.commands.progress import Display
from gristmill.verifiers.records import VERIFIED, Candidate, Outcome, Verdict
from gristmill.verifiers.settling import weaker_words

__all__ = ["Tally", "telling"]


class Tally:
    """Counts of verdicts by kind of task."""

    def __init__(self, kinds: Mapping[str, str], total: int) -> None:
        self.total = total
        self.written = 0
        self.found_before = 0
        self._kinds = kinds
        self._counts: dict[str, Counter[str]] = {}
        self._weaker: dict[str, Counter[str]] = {}
        self._begun = time.monotonic()

    def add(
        self, candidate: Candidate, outcome: Outcome | str, strength: str | None = None, *, earlier: bool = False
    ) -> None:
        """Count one written verdict; `earlier` ones were written by an earlier session."""
        if outcome == Outcome.PASSED and strength is not None and strength not in VERIFIED:
            self._weaker.setdefault(self._kinds[candidate.task_id], Counter())[str(strength)] += 1
        self.written += 1
        self.found_before += earlier
        self._counts.setdefault(self._kinds[candidate.task_id], Counter())[str(outcome)] += 1

    def count(self, outcome: Outcome) -> int:
        """Verdicts with that outcome, over all kinds."""
        return sum(counts[outcome.value] for counts in self._counts.values())

    @property
    def unscored(self) -> int:
        """Candidates about which nothing is known."""
        return self.count(Outcome.UNSCORED)

    @property
    def refused(self) -> int:
        """Candidates that this judge cannot decide apart from their tests."""
        return self.count(Outcome.REFUSED)

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
            "unverified": dict(sum(self._weaker.values(), Counter())),
            "kinds": {kind: dict(counts) for kind, counts in sorted(self._counts.items())},
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """The counts for people: one line a kind."""
        lines = []
        for kind, counts in sorted(self._counts.items()):
            weaker = weaker_words(self._weaker.get(kind, {}))
            told = {Outcome.PASSED: f" ({weaker})" if weaker else ""}
            words = ", ".join(
                f"{counts[outcome.value]} {outcome.value}{told.get(outcome, '')}"
                for outcome in Outcome
                if counts[outcome.value]
            )
            lines.append(f"{kind}: {words}")
        new = self.written - self.found_before
        lines.append(f"{new} judged in {self.seconds:.1f} s ({new / max(self.seconds, 1e-9):.1f} a second)")
        return lines


def telling(display: Display, tally: Tally) -> Callable[[Verdict], None]:
    """Tells the display of each verdict as it is found, which may be long before its turn to be written."""
    before = done = tally.written
    passed = tally.count(Outcome.PASSED)

    def judged(verdict: Verdict) -> None:
        nonlocal done, passed
        done += 1
        passed += verdict.passed
        rate = (done - before) / max(display.seconds, 1e-9)
        display.update(done, tally.total, f"{passed} passed, {rate:.1f}/s")

    return judged
