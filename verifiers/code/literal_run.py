"""Run a test program that only calls and compares: no judge process, one message for each call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from gristmill.sandbox.records import Ending
from gristmill.verifiers.calling import (
    Answer,
    Raised,
    Value,
    answers,
    calls_job,
    decode_answer,
    limit_met,
    noted,
    outcome_of,
)
from gristmill.verifiers.code.feedback import call_text, held_text, short
from gristmill.verifiers.code.findings import Finding, Findings
from gristmill.verifiers.code.literal_tests import Assertion, LiteralProgram
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.incidents.noting import note, note_exit
from gristmill.verifiers.incidents.record import Mechanism
from gristmill.verifiers.records import Outcome

__all__ = ["run_all_literal", "run_literal"]


class _Met(NamedTuple):
    """What one assertion has shown. The words are empty where nobody reads them."""

    outcome: Outcome
    value: str = ""
    limit: str = ""


_PASSED = _Met(Outcome.PASSED)


async def run_literal(setting: Setting, program: LiteralProgram) -> Findings | None:
    """The calls of a test program as cases, compared here; None if that leaves the decision to the judge.

    To it is left what is no plain value, and why a solution does not load. It also has the words for a model.
    """
    # A check ends with its first failure; others are run whatever came before.
    met = await _met(setting, program.assertions, stop=len(program.checks) == 1)
    return None if met is None else _findings(program, met)


async def run_all_literal(setting: Setting, programs: Sequence[LiteralProgram]) -> list[Findings] | None:
    """All calls of several programs in one process, one job instead of many; None unless every assertion holds."""
    met = await _met(setting, [assertion for program in programs for assertion in program.assertions], stop=True)
    if met is None or any(each.outcome is not Outcome.PASSED for each in met):
        return None
    return [_findings(program, [_PASSED] * len(program.assertions)) for program in programs]


async def _met(setting: Setting, assertions: Sequence[Assertion], *, stop: bool) -> list[_Met] | None:
    """What each call shows; None if only the judge can say. `stop`: the first that does not hold ends it."""
    calls = [(each.args, each.kwargs) for each in assertions]
    job = calls_job(setting.source, assertions[0].entry_point, calls, setting.limits)
    enough = _Enough(setting, assertions) if stop else None
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh, enough=enough)
    if enough is not None and enough.reached:
        return enough.met + [enough.met[-1]] * (len(assertions) - len(enough.met))
    if report.ending is Ending.OUTPUT_LIMIT:
        # The judge takes in larger values.
        return None
    met: list[_Met] = []
    for assertion, answer in zip(assertions, answers(report, setting.bounds), strict=False):
        one = _held(setting, assertion, answer)
        if one is None:
            return None
        met.append(one)
    note(Mechanism.EXTRA, times=int(len(report.messages) > len(assertions)))
    if len(met) < len(assertions):
        note_exit(report)
    outcome, words = outcome_of(report, setting.limits)
    lost = _Met(outcome, *((f"the solution {words}", limit_met(report, setting.limits)) if setting.explain else ()))
    return met + [lost] * (len(assertions) - len(met))


class _Enough:
    """Hears the answers as they come, and says when one of them does not hold."""

    def __init__(self, setting: Setting, assertions: Sequence[Assertion]) -> None:
        self._setting = setting
        self._assertions = assertions
        self.met: list[_Met] = []
        self.reached = False
        self._deaf = False

    def __call__(self, message: bytes) -> bool:
        if self._deaf or len(self.met) == len(self._assertions):
            return False
        assertion = self._assertions[len(self.met)]
        answer = decode_answer(message, self._setting.bounds)
        one = _held(self._setting, assertion, answer)
        if one is None:
            # Only the judge can say what this is.
            self._deaf = True
            return False
        self.met.append(one)
        self.reached = one.outcome is not Outcome.PASSED
        if self.reached:
            noted(answer)
        return self.reached


def _findings(program: LiteralProgram, met: Sequence[_Met]) -> Findings:
    """A check is what the first of its assertions is that does not hold."""
    by_check: dict[str, Finding] = {}
    held: Counter[str] = Counter()
    for assertion, one in zip(program.assertions, met, strict=True):
        name = assertion.check
        if name not in by_check or by_check[name].outcome is Outcome.PASSED:
            by_check[name] = _finding(assertion, one, None if name.startswith("assert ") else held[name])
            held[name] += 1
    count = float(len(program.assertions))
    return Findings(tuple(by_check[name] for name in program.checks), metrics={"calls": count, "assertions": count})


def _finding(assertion: Assertion, met: _Met, held: int | None) -> Finding:
    place = f"code: line {assertion.line}"
    if met.outcome is Outcome.PASSED:
        return Finding(assertion.check, met.outcome, place=place)
    if not met.value:
        return Finding(assertion.check, met.outcome, place=place, held=held)
    call = call_text(assertion.entry_point, assertion.args, assertion.kwargs)
    value = f"{call} {met.value}"
    expected = f"== {short(assertion.wanted[0])}" if assertion.wanted else ""
    return Finding(
        assertion.check,
        met.outcome,
        "\n".join(filter(None, (f"{assertion.text}\n{value}", held_text(held)))),
        place=place,
        asked=assertion.text,
        value=value,
        expected=expected,
        limit=met.limit,
        held=held,
    )


def _held(setting: Setting, assertion: Assertion, answer: Answer) -> _Met | None:
    """What one answer shows; None if only the judge can say."""
    match answer:
        case Value(value):
            try:
                if not _is_builtin(value):
                    return None
                if assertion.holds(value):
                    return _PASSED
            except ArithmeticError:
                pass  # an integer beyond all floats, against a tolerance
            except (TypeError, RecursionError):
                # What cannot be made a tuple, say: the test program's own error; or it nests very deep.
                return None
            return _Met(Outcome.FAILED, f"returned {short(value)}" if setting.explain else "")
        case Raised(kind, message, _):
            return _Met(Outcome.ERROR, f"raised {kind}: {message}" if setting.explain else "")
    return None


_ATOMS = (int, float, str, bool, bytes, complex, type(None))


def _is_builtin(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(_is_builtin(key) and _is_builtin(each) for key, each in value.items())
    return kind in _ATOMS or (kind in (list, tuple, set, frozenset) and all(map(_is_builtin, value)))
