"""What a program has printed in one case, beside what it had to print."""

from __future__ import annotations

from dataclasses import replace

from gristmill.sandbox.records import Ending, Limits, Report
from gristmill.verifiers.calling import limit_met, outcome_of
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Finding
from gristmill.verifiers.records import Outcome, StdioCase

__all__ = ["ended_early", "printed"]


def printed(place: int, case: StdioCase, report: Report, limits: Limits) -> Finding:
    """What one case has shown; compared are the lines without trailing blanks, and without blank ones at the end."""
    begun = _begun(place, case)
    if report.ending is Ending.FAILED and report.exit_status is not None and report.exit_status > 0:
        error = report.stderr.decode(errors="replace").strip()[-1500:]
        return ended_early(place, case, Outcome.ERROR, f"failed with exit status {report.exit_status}: {error}")
    if report.ending is not Ending.FINISHED:
        outcome, reason = outcome_of(report, limits)
        return ended_early(place, case, outcome, reason, limit_met(report, limits))
    output = report.stdout.decode(errors="replace")
    if _lines(output) == _lines(case.stdout):
        return Finding(begun.name, Outcome.PASSED, place=begun.place)
    came = f"printed {feedback.short(output)}"
    return replace(begun, text=f"on the input {begun.asked} the program {came}, expected {begun.expected}", value=came)


def ended_early(place: int, case: StdioCase, outcome: Outcome, how: str, limit: str = "") -> Finding:
    """What a case has shown that did not come to its end as a program should."""
    begun = _begun(place, case)
    return replace(begun, outcome=outcome, text=f"on the input {begun.asked} the program {how}", value=how, limit=limit)


def _begun(place: int, case: StdioCase) -> Finding:
    asked, expected = feedback.short(case.stdin), feedback.short(case.stdout)
    return Finding(f"case {place + 1}", Outcome.FAILED, place=f"cases[{place}]", asked=asked, expected=expected)


def _lines(text: str) -> list[str]:
    """Lines without trailing blanks, and no blank lines at the end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines
