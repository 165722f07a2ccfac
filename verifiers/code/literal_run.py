"""Run a test program that only calls and compares: no judge process, one message for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill.sandbox.records import Ending
from gristmill.verifiers.calling import Answer, Raised, Value, answers, calls_job, decode_answer, outcome_of
from gristmill.verifiers.code.findings import Finding, Findings
from gristmill.verifiers.code.literal_tests import Assertion, LiteralProgram
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.records import Outcome

__all__ = ["run_all_literal", "run_literal"]


async def run_literal(setting: Setting, program: LiteralProgram) -> Findings | None:
    """The calls of a test program as cases, compared here; None if that leaves the decision to the judge.

    To it is left what is no plain value, and why a solution does not load. It also has the words, which are not here.
    """
    # A check ends with its first failure; others are run whatever came before.
    outcomes = await _outcomes(setting, program.assertions, stop=len(program.checks) == 1)
    if outcomes is None:
        return None
    return _findings(program, outcomes)


async def run_all_literal(setting: Setting, programs: Sequence[LiteralProgram]) -> list[Findings] | None:
    """All calls of several programs in one process, one job instead of many; None unless every assertion holds."""
    outcomes = await _outcomes(
        setting, [assertion for program in programs for assertion in program.assertions], stop=True
    )
    if outcomes is None or any(outcome is not Outcome.PASSED for outcome in outcomes):
        return None
    return [_findings(program, [Outcome.PASSED] * len(program.assertions)) for program in programs]


async def _outcomes(setting: Setting, assertions: Sequence[Assertion], *, stop: bool) -> list[Outcome] | None:
    """What each call shows; None if only the judge can say. `stop`: the first that does not hold ends it."""
    calls = [(each.args, each.kwargs) for each in assertions]
    job = calls_job(setting.source, assertions[0].entry_point, calls, setting.limits)
    enough = _Enough(setting, assertions) if stop else None
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh, enough=enough)
    if enough is not None and enough.reached:
        return enough.outcomes + [enough.outcomes[-1]] * (len(assertions) - len(enough.outcomes))
    if report.ending is Ending.OUTPUT_LIMIT:
        # The judge takes in larger values.
        return None
    outcomes: list[Outcome] = []
    for assertion, answer in zip(assertions, answers(report, setting.bounds), strict=False):
        outcome = _held(assertion, answer)
        if outcome is None:
            return None
        outcomes.append(outcome)
    return outcomes + [outcome_of(report)[0]] * (len(assertions) - len(outcomes))


class _Enough:
    """Hears the answers as they come, and says when one of them does not hold."""

    def __init__(self, setting: Setting, assertions: Sequence[Assertion]) -> None:
        self._setting = setting
        self._assertions = assertions
        self.outcomes: list[Outcome] = []
        self.reached = False
        self._deaf = False

    def __call__(self, message: bytes) -> bool:
        if self._deaf or len(self.outcomes) == len(self._assertions):
            return False
        outcome = _held(self._assertions[len(self.outcomes)], decode_answer(message, self._setting.bounds))
        if outcome is None:
            # Only the judge can say what this is.
            self._deaf = True
            return False
        self.outcomes.append(outcome)
        self.reached = outcome is not Outcome.PASSED
        return self.reached


def _findings(program: LiteralProgram, outcomes: Sequence[Outcome]) -> Findings:
    """A check is what the first of its assertions is that does not hold."""
    found = dict.fromkeys(program.checks, Outcome.PASSED)
    for assertion, outcome in zip(program.assertions, outcomes, strict=True):
        if found[assertion.check] is Outcome.PASSED:
            found[assertion.check] = outcome
    count = float(len(program.assertions))
    checks = tuple(Finding(name, outcome) for name, outcome in found.items())
    return Findings(checks, metrics={"calls": count, "assertions": count})


def _held(assertion: Assertion, answer: Answer) -> Outcome | None:
    """What one answer shows; None if only the judge can say."""
    match answer:
        case Value(value):
            try:
                if not _is_builtin(value):
                    return None
                return Outcome.PASSED if assertion.holds(value) else Outcome.FAILED
            except ArithmeticError:
                # An integer beyond all floats, against a tolerance.
                return Outcome.FAILED
            except (TypeError, RecursionError):
                # What cannot be made a tuple, say: the test program's own error; or it nests very deep.
                return None
        case Raised():
            return Outcome.ERROR
    return None


_ATOMS = (int, float, str, bool, bytes, complex, type(None))


def _is_builtin(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(_is_builtin(key) and _is_builtin(each) for key, each in value.items())
    return kind in _ATOMS or (kind in (list, tuple, set, frozenset) and all(map(_is_builtin, value)))
