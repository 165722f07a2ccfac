"""What running one test against one candidate has shown, before it becomes a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from gristmill.verifiers.records import Fault, Outcome

__all__ = ["Broken", "Finding", "Findings"]


@dataclass(frozen=True)
class Broken:
    """Why nothing could be run at all: the solution does not load, or lacks an entry point.

    Only made from what a candidate said before it was sent any hidden input.
    """

    outcome: Outcome
    reason: str
    line: int | None = None


@dataclass(frozen=True)
class Finding:
    """One case or check. `text` says what happened, for whoever may read the test; so do the fields after `line`.

    `place`: where it stands in the test, and `begins`, where the whole check does; for the others see
    `gristmill.verifiers.records.CheckEvidence`. `held`: how many assertions of a check that failed held before it did,
    where it may have several; it is told of hidden tests as well.
    """

    name: str
    outcome: Outcome
    text: str = ""
    line: int | None = field(default=None)
    place: str = ""
    begins: str = ""
    asked: str = ""
    value: str = ""
    expected: str = ""
    limit: str = ""
    fault: Fault | None = None
    held: int | None = None


@dataclass(frozen=True)
class Findings:
    """All checks of one test, in the test's own order.

    `forwarded`: operators of the candidate's took part in them. `apart`: a judge process decided them. `split`: of a
    test that ran beside the candidate, but for its assertions.
    """

    checks: tuple[Finding, ...]
    broken: Broken | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    forwarded: bool = False
    apart: bool = False
    split: bool = False

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.broken is None and all(finding.outcome is Outcome.PASSED for finding in self.checks)
