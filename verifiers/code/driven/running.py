"""Run a driven test: `drive` beside the candidate, a process for each case; `judge` elsewhere, on what came back.

A pass is confirmed with all cases in one process, which costs a job in place of one for each; whoever does not pass so
is confirmed with a process for each case.

No consistency run follows: nothing but plain values leaves the candidate's process, made before `judge` began, and
plain execution would hand `judge` the very same. Identity, callbacks and operators, which a judge apart may lose, do
not cross.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.answers import LoadError, Malformed, Missing, Raised, Unencodable, Value, decode_answer
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import answers, beside, limit_in, limit_met, noted, outcome_of, statements
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.code.loading import UNLOADABLE, broken_by, why_unloadable
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.incidents.noting import note_exit
from gristmill.verifiers.records import DrivenCase, DrivenTest, Outcome

__all__ = ["passing_at_once", "run_driven"]

_DRIVE = "gristmill.verifiers.code.guest.candidate.driving:drive"
_DRIVE_ALL = "gristmill.verifiers.code.guest.candidate.driving:drive_all"
_DECIDE = "gristmill.verifiers.code.guest.judge.driven.deciding:decide"
# What is handed to one judge job at once.
_MOST_BYTES = 24 << 20


async def run_driven(setting: Setting, test: DrivenTest) -> Findings:
    """All cases of a driven test; see `gristmill.verifiers.code.test_types`."""
    if setting.fresh and (passing := await passing_at_once(setting, test)) is not None:
        return passing
    findings: dict[int, Finding] = {}
    values: dict[int, bytes] = {}
    for place in setting.order(len(test.cases)):
        report = await _driven(setting, test, test.cases[place])
        answer = await beside(report, lambda report=report: _answer(setting, report))  # type: ignore[misc]  # mypy knows no default
        if isinstance(answer, LoadError):
            return Findings((), await _unloadable(setting, answer))
        if isinstance(answer, bytes):
            values[place] = answer
        else:
            findings[place] = _without_values(setting, test, place, answer, report)
    return await _all_judged(setting, test, values, findings)


async def passing_at_once(setting: Setting, test: DrivenTest) -> Findings | None:
    """All cases in one process, for one that has passed each in a process of its own; None if it does not pass so."""
    order = setting.order(len(test.cases))
    cases = [test.cases[place] for place in order]
    limits = setting.limits_for([(case.given, case.expected) for case in cases])
    seconds = {name: min(getattr(limits, name) * len(cases), 3600) for name in ("wall_seconds", "cpu_seconds")}
    request = {
        "source": setting.source,
        "drive": test.drive,
        "cases": [case.given for case in cases],
        "bounds": list(setting.bounds),
    }
    job = Job(program=_DRIVE_ALL, request=request, limits=limits.model_copy(update=seconds))
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh)
    if report.ending is not Ending.FINISHED or len(report.messages) != len(cases):
        return None
    if not await beside(report, lambda: all(isinstance(each, Value) for each in answers(report, setting.bounds))):
        return None
    findings = await _all_judged(setting, test, dict(zip(order, report.messages, strict=True)), {})
    return findings if findings.passed else None


async def _all_judged(
    setting: Setting, test: DrivenTest, values: dict[int, bytes], findings: dict[int, Finding]
) -> Findings:
    """What `judge` makes of the values, beside what has been found without it."""
    asserted = 0
    for group in _groups(values):
        judged, number = await _judged(setting, test, group, values)
        findings |= judged
        asserted += number
    ordered = tuple(findings[place] for place in sorted(findings))
    return Findings(ordered, metrics={"assertions": float(asserted)})


async def _driven(setting: Setting, test: DrivenTest, case: DrivenCase) -> Report:
    limits = setting.limits_for((case.given, case.expected))
    request = {"source": setting.source, "drive": test.drive, "case": case.given, "bounds": list(setting.bounds)}
    job = Job(program=_DRIVE, request=request, limits=limits)
    return await setting.pool.run(job, setting.profile, fresh=setting.fresh)


_Answer = LoadError | Missing | Raised | Unencodable | Malformed | bytes | None


def _answer(setting: Setting, report: Report) -> _Answer:
    """What the first message of a candidate's process says; the bytes themselves, if that is a value."""
    if not report.messages:
        return None
    decoded = noted(decode_answer(report.messages[0], setting.bounds))
    return report.messages[0] if isinstance(decoded, Value) else decoded


async def _unloadable(setting: Setting, error: LoadError) -> Broken:
    # The process that says so has had the case: of a hidden test its word may not be believed, or shown.
    return broken_by(setting.source, error) if setting.public else await why_unloadable(setting) or UNLOADABLE


def _begun(setting: Setting, test: DrivenTest, place: int) -> Finding:
    """What is known of a case before anything came back."""
    case, shown = test.cases[place], setting.shown
    return Finding(
        f"case {place + 1}",
        Outcome.FAILED,
        place=f"cases[{place}]",
        asked=f"drive(solution, {feedback.short(case.given)})" if shown else "",
        expected=feedback.short(case.expected) if shown else "",
    )


def _without_values(setting: Setting, test: DrivenTest, place: int, answer: _Answer, report: Report) -> Finding:
    """What it means that no values came for a case."""
    outcome, met = Outcome.FAILED, ""
    line: int | None = None
    match answer:
        case Raised(kind, message, line):
            outcome, came = Outcome.ERROR, f"raised {kind}: {message}"
        case Unencodable(reason):
            outcome, came, met = Outcome.REFUSED, f"cannot be judged: {reason}", limit_in(reason, setting.limits)
        case None:
            note_exit(report)
            outcome, reason = outcome_of(report, setting.limits)
            came, met = f"gave nothing: the solution {reason}", limit_met(report, setting.limits)
        case _:
            came = "gave nothing: the solution's process sent what is no value"
    return _failed(setting, test, place, came, outcome=outcome, line=line, limit=met)


def _failed(setting: Setting, test: DrivenTest, place: int, came: str, **more: Any) -> Finding:
    begun = _begun(setting, test, place)
    return replace(begun, text=f"{begun.asked} {came}", value=came, **more) if setting.shown else replace(begun, **more)


def _groups(values: dict[int, bytes]) -> list[list[int]]:
    """The cases for each judge job, so that what one is sent stays bounded."""
    groups: list[list[int]] = []
    size = 0
    for place in sorted(values):
        if not groups or size + len(values[place]) > _MOST_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(place)
        size += len(values[place])
    return groups


async def _judged(
    setting: Setting, test: DrivenTest, group: list[int], values: dict[int, bytes]
) -> tuple[dict[int, Finding], int]:
    """(findings by place, assertions made) of one judge job; it has no candidate in it and no line to one."""
    limits = setting.judge_limits
    seconds = min(limits.wall_seconds * len(group), 3600)
    limits = limits.model_copy(update={"wall_seconds": seconds, "cpu_seconds": seconds})
    cases: list[dict[str, Any]] = [
        {"case": {**test.cases[place].given, "expected": test.cases[place].expected}, "answer": values[place]}
        for place in group
    ]
    request: dict[str, Any] = {
        "judge": test.judge,
        "cases": cases,
        "bounds": list(setting.bounds),
        "public": setting.shown,
    }
    report = await setting.pool.run(
        Job(program=_DECIDE, request=request, limits=limits),
        profiles.judge(setting.libraries, limits.memory_mb, setting.profile.image),
    )
    said = [each for each in statements(report) if type(each) is dict]
    if said and "broken" in said[0]:
        words = f"could not be judged, since `judge` cannot be loaded: {said[0]['broken'].get('error', '')}"
        return {place: _failed(setting, test, place, words) for place in group}, 0
    decisions = {group[each["case"]]: each for each in said}
    outcome, reason = outcome_of(report, limits)
    met = limit_met(report, limits)
    findings = {}
    for place in group:
        if place in decisions:
            findings[place] = _decided(setting, test, place, decisions[place])
        else:
            words = f"gave what could not be judged: `judge` {reason}"
            findings[place] = _failed(setting, test, place, words, outcome=outcome, limit=met)
    return findings, sum(each["asserted"] for each in decisions.values())


def _decided(setting: Setting, test: DrivenTest, place: int, decision: dict[str, Any]) -> Finding:
    begun = _begun(setting, test, place)
    if decision["outcome"] == "passed":
        return Finding(begun.name, Outcome.PASSED, place=begun.place)
    detail = decision["detail"]
    if decision["outcome"] == "nothing":
        # What asserts nothing is no fault of the candidate's, nor to its credit.
        begun = replace(begun, outcome=Outcome.REFUSED)
    if not detail:
        return begun
    came = f"gave {detail.get('values', '')}"
    parts = [f"{begun.asked} {came}"]
    if decision["outcome"] == "nothing":
        parts.append("`judge` made no assertion about it")
    else:
        where = f"line {detail['line']} of `judge`: {detail['statement']}" if "line" in detail else "`judge`"
        parts.append(f"{where} → {detail['error']}")
    parts.append(f"expected = {begun.expected}")
    return replace(begun, text="\n".join(parts), value=came)
