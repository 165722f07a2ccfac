"""What all tests of a task have shown of one solution, as a verdict tells it: outcome, score, strength, checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.records import Check, CheckEvidence, Outcome, Strength

if TYPE_CHECKING:
    from gristmill.verifiers.code.beforehand.faulty import TestFault

__all__ = ["TaskFindings"]


class TaskFindings:
    """What all tests of a task have shown: rows of (field, public, findings)."""

    def __init__(self, rows: list[tuple[str, bool, Findings]]) -> None:
        self._rows = rows

    @property
    def broken(self) -> Broken | None:
        """Why nothing could be run; None if it could."""
        return next((findings.broken for _, _, findings in self._rows if findings.broken is not None), None)

    def of(self, *, public: bool) -> list[Finding]:
        """The checks of public tests, or of hidden ones."""
        return [finding for _, open_, findings in self._rows if open_ is public for finding in findings.checks]

    @property
    def passed(self) -> bool:
        """Whether there are checks, and all passed."""
        return self.outcome is Outcome.PASSED

    @property
    def outcome(self) -> Outcome:
        """Passed only if there are checks and all of them passed; else what the first one that did not shows.

        A test that is refused says nothing of the solution where another one found it wrong.
        """
        findings = [*self.of(public=True), *self.of(public=False)]
        wrong = [finding.outcome for finding in findings if finding.outcome is not Outcome.PASSED]
        wrong.sort(key=lambda outcome: outcome is Outcome.REFUSED)
        if self.broken is not None:
            return self.broken.outcome
        return wrong[0] if wrong else Outcome.PASSED if findings else Outcome.ERROR

    @property
    def strength(self) -> Strength:
        """`forwarded`: operators of the candidate's own took part; `split`: assertions alone were apart from it."""
        if self.passed and any(findings.split for _, _, findings in self._rows):
            return Strength.SPLIT
        return Strength.FORWARDED if any(each.forwarded for _, _, each in self._rows) else Strength.TESTED

    @property
    def apart(self) -> bool:
        """Whether judge processes decided: one of those that passed, or all of those that did not."""
        if self.passed:
            return any(findings.apart for _, _, findings in self._rows)
        wrong = [findings for _, _, findings in self._rows if not findings.passed]
        return bool(wrong) and all(findings.apart for findings in wrong)

    @property
    def score(self) -> float:
        """The share of checks that passed, in [0, 1]."""
        findings = [*self.of(public=True), *self.of(public=False)]
        if self.broken is not None or not findings:
            return 0.0
        return sum(finding.outcome is Outcome.PASSED for finding in findings) / len(findings)

    @property
    def metrics(self) -> dict[str, float]:
        """The sums over all tests."""
        total: dict[str, float] = {}
        for _, _, findings in self._rows:
            for name, value in findings.metrics.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def checks(self) -> tuple[Check, ...]:
        """What the verdict tells of each check: of hidden ones neither name nor words."""
        return tuple(
            Check(
                name=feedback.clean(f"{field}/{finding.name if public else feedback.anonymous(finding.name, number)}"),
                outcome=finding.outcome,
                public=public,
                detail=feedback.clean(finding.text) if public else "",
            )
            for field, public, findings in self._rows
            for number, finding in enumerate(findings.checks, 1)
        )

    def check_evidence(self, source: str, faulty: Mapping[str, TestFault]) -> list[CheckEvidence]:
        """The same checks for the task's owner, and why there are none, if there are none."""
        from gristmill.verifiers.code.beforehand.showing import check_evidence

        return check_evidence(self._rows, source, faulty)
