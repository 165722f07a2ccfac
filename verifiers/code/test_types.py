"""How each type of test is run: `cases` and `stdio` are compared here; for others see `judged`, `driven.running`.

Every function takes the pool, the test, the source, the limits, whether a model may read the test, and the order in
which to run what is independent; it raises `SandboxError` only.
"""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

from gristmill.sandbox.records import Job, Report
from gristmill.verifiers.calling import (
    Answer,
    LoadError,
    Malformed,
    Missing,
    Raised,
    Unencodable,
    Value,
    answers,
    beside,
    calls_job,
    limit_in,
    limit_met,
    outcome_of,
)
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.compare import equal
from gristmill.verifiers.code.driven.running import run_driven
from gristmill.verifiers.code.findings import Finding, Findings
from gristmill.verifiers.code.judge_run import entry_points_of, run_judged
from gristmill.verifiers.code.literal_run import run_literal
from gristmill.verifiers.code.literal_tests import LiteralProgram, literal_program
from gristmill.verifiers.code.loading import UNLOADABLE, broken_by, why_broken
from gristmill.verifiers.code.programs.compiling import ended
from gristmill.verifiers.code.programs.printing import ended_early, printed
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.incidents.noting import note, note_exit
from gristmill.verifiers.incidents.record import Mechanism
from gristmill.verifiers.records import (
    Case,
    CasesTest,
    CodeTest,
    DrivenTest,
    Outcome,
    PytestTest,
    PythonTest,
    ScoreTest,
    StdioCase,
    StdioTest,
)

__all__ = ["Setting", "literal_program_of", "run_test"]

_SCRIPT = "gristmill.sandbox.guest.candidate:script"


async def run_test(setting: Setting, test: CodeTest) -> Findings:
    """Run one test, whatever its type."""
    if isinstance(test, CasesTest):
        return await run_cases(setting, test)
    if isinstance(test, StdioTest):
        return await run_stdio(setting, test)
    if isinstance(test, DrivenTest):
        return await run_driven(setting, test)
    if isinstance(test, ScoreTest):
        raise TypeError("a score test gives numbers, no findings: see `code.scored.judging`")
    program = literal_program_of(test)
    findings = None if program is None else await run_literal(setting, program)
    if findings is None:
        return await _run_apart(setting, test)
    if findings.passed or not setting.public:
        return findings
    # What has been compared here failed; the judge has the words for a model that may read them.
    judged = await run_judged(setting, test)
    return replace(judged, apart=judged.passed)


async def _run_apart(setting: Setting, test: PythonTest | PytestTest) -> Findings:
    """The test in a judge process; what does not pass there is split, if its owner takes that."""
    findings = replace(await run_judged(setting, test), apart=True)
    if setting.splits is None or findings.passed or findings.broken is not None:
        return findings
    parted = await setting.splits.run(setting, test)
    # Apart, a failure has the test's own words.
    return parted if parted is not None and parted.passed else findings


def literal_program_of(test: CodeTest) -> LiteralProgram | None:
    """What a test asks, where that can be read without running it."""
    if not isinstance(test, PythonTest) or test.shared:
        return None
    return literal_program(test.code, test.setup, entry_points_of(test))


async def run_cases(setting: Setting, test: CasesTest) -> Findings:
    """All calls in one process, one message each; values are compared here, where the expected ones are."""
    order = setting.order(len(test.cases))
    calls = [(test.cases[place].args, test.cases[place].kwargs) for place in order]
    limits = setting.limits_for(case.expected for case in test.cases)
    job = calls_job(setting.source, test.entry_point, calls, limits)
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh)
    findings = await beside(report, lambda: _cases(setting, test, order, report))
    if isinstance(findings, LoadError | Missing):
        # The process that says so has had the inputs: a hidden test's error may not be believed, or shown.
        broken = (
            broken_by(setting.source, findings, test.entry_point)
            if setting.public
            else await why_broken(setting, test.entry_point)
        )
        return Findings((), broken or UNLOADABLE)
    note(Mechanism.EXTRA, times=int(len(report.messages) > len(order)))
    if None in findings:
        note_exit(report)
    outcome, reason = outcome_of(report, limits)
    met = limit_met(report, limits)
    for place, finding in enumerate(findings):
        if finding is None:
            begun = _begun(test, place, setting.shown)
            text = f"{begun.asked}: the solution {reason}"
            findings[place] = replace(begun, outcome=outcome, text=text, value=f"the solution {reason}", limit=met)
    return Findings(tuple(finding for finding in findings if finding is not None))


def _cases(
    setting: Setting, test: CasesTest, order: list[int], report: Report
) -> list[Finding | None] | LoadError | Missing:
    findings: list[Finding | None] = [None] * len(order)
    for place, answer in zip(order, answers(report, setting.bounds), strict=False):
        if isinstance(answer, LoadError | Missing):
            return answer
        findings[place] = _case(setting, test, place, answer)
    return findings


def _case_name(place: int) -> str:
    return f"case {place + 1}"


def _begun(test: CasesTest, place: int, shown: bool) -> Finding:
    """What is known of a case before there is an answer."""
    case = test.cases[place]
    call = feedback.call_text(test.entry_point, case.args, case.kwargs) if shown else ""
    expected = f"it to raise {case.raises}" if case.raises else feedback.short(case.expected) if shown else ""
    return Finding(_case_name(place), Outcome.FAILED, place=f"cases[{place}]", asked=call, expected=expected)


def _case(setting: Setting, test: CasesTest, place: int, answer: Answer) -> Finding:
    case = test.cases[place]
    if isinstance(answer, Value) and case.raises is None and _matches(test, case, answer.value):
        return Finding(_case_name(place), Outcome.PASSED, place=f"cases[{place}]")
    if isinstance(answer, Raised) and case.raises and _is_exception(answer.type, case.raises):
        return Finding(_case_name(place), Outcome.PASSED, place=f"cases[{place}]")
    begun, outcome = _begun(test, place, setting.shown), Outcome.FAILED
    line: int | None = None
    between, met = ",", ""
    match answer:
        case Value(value):
            came = f"returned {feedback.short(value)}" if setting.shown else ""
        case Raised(kind, message, line):
            came, between = f"raised {kind}: {message}", ";"
            outcome = Outcome.FAILED if case.raises else Outcome.ERROR
        case Unencodable(reason) | Malformed(reason):
            came, between = f"returned what is no plain value ({reason})", ";"
            # The sandbox's own words, as the candidate's process has passed them on.
            met = limit_in(reason, setting.limits)
        case _:
            came, between = "returned nothing", ";"
    text = f"{begun.asked} {came}{between} expected {begun.expected}" if setting.shown else ""
    return replace(begun, outcome=outcome, text=text, line=line, value=came, limit=met)


def _matches(test: CasesTest, case: Case, value: Any) -> bool:
    return equal(case.expected, value, test.compare, test.tolerance)


def _is_exception(name: str, wanted: str) -> bool:
    kinds = [vars(builtins).get(each) for each in (name, wanted)]
    return all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds) and issubclass(*kinds)  # type: ignore[arg-type]  # checked just before


async def run_stdio(setting: Setting, test: StdioTest) -> Findings:
    """Each case is a process of its own, whose standard output is read from outside."""
    findings: dict[int, Finding] = {}
    for place in setting.order(len(test.cases)):
        findings[place] = await _stdio_case(setting, place, test.cases[place])
    ordered = tuple(findings[place] for place in sorted(findings))
    if setting.program is None and not setting.public and all(finding.outcome is Outcome.ERROR for finding in ordered):
        return Findings(ordered, await why_broken(setting, None))
    return Findings(ordered)


async def _stdio_case(setting: Setting, place: int, case: StdioCase) -> Finding:
    if setting.program is None:
        job = Job(program=_SCRIPT, request={"source": setting.source}, limits=setting.limits, stdin=case.stdin.encode())
    else:
        job = setting.program.job(setting.limits, case.stdin)
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh)
    if setting.program is not None and (how := ended(report, setting.limits, setting.program.language)):
        return ended_early(place, case, *how)
    return printed(place, case, report, setting.limits)
