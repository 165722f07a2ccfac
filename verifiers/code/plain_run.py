"""Run a test program that only calls and compares: no judge process, one message for each call."""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.records import Job
from gristmill.verifiers.code.findings import Finding, Findings, outcome_of
from gristmill.verifiers.code.plain import Assertion, PlainProgram
from gristmill.verifiers.code.run import CASES, Run, decoded
from gristmill.verifiers.records import Outcome

__all__ = ["run_plain"]


async def run_plain(run: Run, program: PlainProgram) -> Findings | None:
    """The calls of a test program as cases, compared here; None if that leaves anything to the judge.

    To it is left what is no plain value, why a solution does not load, and the words for what a model may read.
    """
    calls = [{"args": list(each.args), "kwargs": each.kwargs} for each in program.assertions]
    request = {"source": run.source, "entry_point": program.assertions[0].entry_point, "cases": calls}
    report = await run.pool.run(Job(program=CASES, request=request, limits=run.limits), run.profile, fresh=run.fresh)
    found = dict.fromkeys(program.checks, Outcome.PASSED)
    for place, assertion in enumerate(program.assertions):
        outcome: Outcome | None = outcome_of(report)[0]
        if place < len(report.messages):
            outcome = _held(assertion, decoded(report.messages[place], run.limits))
        if outcome is None:
            return None
        if found[assertion.check] is Outcome.PASSED:
            found[assertion.check] = outcome
    if (run.public or run.reveal) and set(found.values()) != {Outcome.PASSED}:
        return None
    count = float(len(program.assertions))
    checks = tuple(Finding(name, outcome) for name, outcome in found.items())
    return Findings(checks, metrics={"calls": count, "assertions": count})


def _held(assertion: Assertion, told: dict[str, Any] | None) -> Outcome | None:
    """What one answer shows; None if only the judge can say."""
    match told:
        case {"value": value} if _is_builtin(value):
            try:
                return Outcome.PASSED if assertion.holds(value) else Outcome.FAILED
            except ArithmeticError:
                # An integer beyond all floats, against a tolerance.
                return Outcome.FAILED
        case {"raised": _}:
            return Outcome.ERROR
    return None


_ATOMS = (int, float, str, bool, bytes, complex, type(None))


def _is_builtin(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(_is_builtin(key) and _is_builtin(each) for key, each in value.items())
    return kind in _ATOMS or (kind in (list, tuple, set, frozenset) and all(map(_is_builtin, value)))
