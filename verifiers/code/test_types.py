"""How each type of test is run: `cases` and `stdio` are compared here, `python` and `pytest` have a judge process.

Every function takes the pool, the test, the source, the limits, whether a model may read the test, and the order in
which to run what is independent; it raises `SandboxError` only.
"""

from __future__ import annotations

import builtins
import itertools
from dataclasses import replace
from typing import Any

from gristmill.sandbox.records import Ending, Job, Limits, Report
from gristmill.sandbox.wire.answers import bounded_line
from gristmill.verifiers import profiles
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
    outcome_of,
    statements,
)
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.compare import equal
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.code.literal_run import run_literal
from gristmill.verifiers.code.literal_tests import LiteralProgram, literal_program
from gristmill.verifiers.code.outlining import outline_of
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Case, CasesTest, CodeTest, Outcome, PytestTest, PythonTest, StdioTest

__all__ = ["Setting", "literal_program_of", "run_test", "why_broken"]

_SCRIPT = "gristmill.sandbox.guest.candidate:script"
_GUEST = "gristmill.verifiers.code.guest"
_ANSWER, _RUN_TESTS = f"{_GUEST}.candidate.answering:answer", f"{_GUEST}.judge.main:run_tests"


async def run_test(setting: Setting, test: CodeTest) -> Findings:
    """Run one test, whatever its type."""
    if isinstance(test, CasesTest):
        return await run_cases(setting, test)
    if isinstance(test, StdioTest):
        return await run_stdio(setting, test)
    program = literal_program_of(test)
    found = None if program is None else await run_literal(setting, program)
    if found is None:
        return replace(await run_judged(setting, test), apart=True)
    if found.passed or not setting.shown:
        return found
    # What has been compared here failed; the judge has the words for whoever may read them.
    told = await run_judged(setting, test)
    return replace(told, apart=told.passed)


def literal_program_of(test: CodeTest) -> LiteralProgram | None:
    """What a test asks, where that can be read without running it."""
    if not isinstance(test, PythonTest) or test.shared:
        return None
    return literal_program(test.code, test.setup, _names(test))


def _names(test: PythonTest | PytestTest) -> tuple[str, ...]:
    return (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)


async def run_cases(setting: Setting, test: CasesTest) -> Findings:
    """All calls in one process, one message each; values are compared here, where the expected ones are."""
    order = setting.order(len(test.cases))
    calls = [(test.cases[place].args, test.cases[place].kwargs) for place in order]
    limits = setting.limits_for(case.expected for case in test.cases)
    job = calls_job(setting.source, test.entry_point, calls, limits)
    report = await setting.pool.run(job, setting.profile, fresh=setting.fresh)
    found = await beside(report, lambda: _cases(setting, test, order, report))
    if isinstance(found, LoadError | Missing):
        # The process that says so has had the inputs: a hidden test's error may not be believed, or shown.
        broken = (
            _broken(setting.source, test.entry_point, found)
            if setting.public
            else await why_broken(setting, test.entry_point)
        )
        return Findings((), broken or _UNLOADABLE)
    outcome, reason = outcome_of(report, limits)
    rest = [
        finding or Finding(_case_name(place), outcome, f"{_call(test, place)}: the solution {reason}")
        for place, finding in enumerate(found)
    ]
    return Findings(tuple(rest))


def _cases(
    setting: Setting, test: CasesTest, order: list[int], report: Report
) -> list[Finding | None] | LoadError | Missing:
    found: list[Finding | None] = [None] * len(order)
    for place, answer in zip(order, answers(report, setting.bounds), strict=False):
        if isinstance(answer, LoadError | Missing):
            return answer
        found[place] = _case(test, place, answer, setting.shown)
    return found


_UNLOADABLE = Broken(Outcome.ERROR, "the solution could not be loaded when it was tested")


def _case_name(place: int) -> str:
    return f"case {place + 1}"


def _call(test: CasesTest, place: int) -> str:
    case = test.cases[place]
    return feedback.call_text(test.entry_point, case.args, case.kwargs)


def _case(test: CasesTest, place: int, answer: Answer, shown: bool) -> Finding:
    case, name = test.cases[place], _case_name(place)
    call = _call(test, place) if shown else ""
    wanted = f"expected {f'it to raise {case.raises}' if case.raises else feedback.short(case.expected)}"
    match answer:
        case Value(value) if case.raises is None and _matches(test, case, value):
            return Finding(name, Outcome.PASSED)
        case Value(value):
            text = f"{call} returned {feedback.short(value)}, {wanted}" if shown else ""
            return Finding(name, Outcome.FAILED, text)
        case Raised(kind, message, line):
            if case.raises and _is_exception(kind, case.raises):
                return Finding(name, Outcome.PASSED)
            text = f"{call} raised {kind}: {message}; {wanted}"
            return Finding(name, Outcome.FAILED if case.raises else Outcome.ERROR, text, line)
        case Unencodable(reason) | Malformed(reason):
            return Finding(name, Outcome.FAILED, f"{call} returned what is no plain value ({reason}); {wanted}")
    return Finding(name, Outcome.FAILED, f"{call} returned nothing; {wanted}")


def _matches(test: CasesTest, case: Case, value: Any) -> bool:
    return equal(case.expected, value, test.compare, test.tolerance)


def _is_exception(name: str, wanted: str) -> bool:
    kinds = [vars(builtins).get(each) for each in (name, wanted)]
    return all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds) and issubclass(*kinds)  # type: ignore[arg-type]  # checked just before


def _broken(source: str, entry_point: str, answer: LoadError | Missing) -> Broken:
    if isinstance(answer, Missing):
        return Broken(Outcome.ERROR, f"the solution defines no {entry_point} that can be called")
    reason = f"loading the solution raised {load_error_text(source, answer.type, answer.line)}"
    return Broken(Outcome.ERROR, reason, answer.line)


async def why_broken(setting: Setting, entry_point: str | None) -> Broken | None:
    """Load the solution once more where no test's input is, to learn what a model may be told about it.

    Without an entry point the source is only compiled, as programs are run by their tests alone.
    """
    source = setting.source if entry_point else f"compile({setting.source!r}, '<solution>', 'exec')"
    report = await setting.pool.run(
        calls_job(source, entry_point or "no_entry_point", (), setting.limits), setting.profile
    )
    answer = next(answers(report, setting.bounds), None)
    if isinstance(answer, LoadError) or (isinstance(answer, Missing) and entry_point):
        return _broken(setting.source, entry_point or "", answer)
    if answer is not None and entry_point:
        return None
    if report.ending is not Ending.FINISHED and entry_point:
        outcome, reason = outcome_of(report, setting.limits)
        return Broken(outcome, f"while it was loaded, the solution {reason}")
    return None


async def run_stdio(setting: Setting, test: StdioTest) -> Findings:
    """Each case is a process of its own, whose standard output is read from outside."""
    found: dict[int, Finding] = {}
    for place in setting.order(len(test.cases)):
        case = test.cases[place]
        job = Job(program=_SCRIPT, request={"source": setting.source}, limits=setting.limits, stdin=case.stdin.encode())
        report = await setting.pool.run(job, setting.profile, fresh=setting.fresh)
        found[place] = _printed(place, case.stdin, case.stdout, report, setting.limits)
    ordered = tuple(found[place] for place in sorted(found))
    if not setting.public and all(finding.outcome is Outcome.ERROR for finding in ordered):
        return Findings(ordered, await why_broken(setting, None))
    return Findings(ordered)


def _printed(place: int, stdin: str, stdout: str, report: Report, limits: Limits) -> Finding:
    name, given = _case_name(place), f"on the input {feedback.short(stdin)}"
    if report.ending is Ending.FAILED and report.exit_status is not None and report.exit_status > 0:
        error = report.stderr.decode(errors="replace").strip()[-1500:]
        return Finding(
            name, Outcome.ERROR, f"{given} the program failed with exit status {report.exit_status}: {error}"
        )
    if report.ending is not Ending.FINISHED:
        outcome, reason = outcome_of(report, limits)
        return Finding(name, outcome, f"{given} the program {reason}")
    printed = report.stdout.decode(errors="replace")
    if _lines(printed) == _lines(stdout):
        return Finding(name, Outcome.PASSED)
    text = f"{given} the program printed {feedback.short(printed)}, expected {feedback.short(stdout)}"
    return Finding(name, Outcome.FAILED, text)


def _lines(text: str) -> list[str]:
    """Lines without trailing blanks, and no blank lines at the end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


async def run_judged(setting: Setting, test: PythonTest | PytestTest) -> Findings:
    """The tests run in a judge process; they and the candidate have only a socket pair in common."""
    names = list(_names(test))
    common = {"entry_points": names, "bounds": list(setting.bounds), "shared": test.shared}
    if isinstance(test, PythonTest):
        tests: dict[str, Any] = {"type": "python", "setup": test.setup, "code": test.code}
        extra = ("pytest",) if "pytest" in test.setup + test.code else ()
    else:
        tests = {"type": "pytest", "files": test.files}
        extra = ("pytest",)
    limits = setting.judge_limits
    tests["outline"] = await outline_of(setting)
    candidate, judge = await setting.pool.pair(
        Job(program=_ANSWER, request={"source": setting.source, **common}, limits=setting.limits),
        Job(program=_RUN_TESTS, request={**tests, **common, "public": setting.shown}, limits=limits),
        profile=setting.profile,
        judge_profile=profiles.judge((*setting.libraries, *extra), limits.memory_mb),
        fresh=setting.fresh,
    )
    return _judged(setting, candidate, judge)


def _judged(setting: Setting, candidate: Report, judge: Report) -> Findings:
    """Read the judge's messages. Whatever is not said to have passed has not."""
    told = [each if type(each) is dict else {} for each in statements(judge)]
    lost = outcome_of(candidate, setting.limits) if judge.ending is Ending.FINISHED else outcome_of(judge)
    first = told[0] if told else {}
    if "load" not in first:
        return Findings((), Broken(lost[0], f"while it was loaded, the solution {lost[1]}"))
    if first["load"] is not None:
        return Findings((), _load_error(setting.source, first["load"]))
    if first.get("missing"):
        return Findings((), Broken(Outcome.ERROR, f"the solution does not define {', '.join(first['missing'])}"))
    planned = list(itertools.chain.from_iterable(each["plan"] for each in told if "plan" in each))
    ended = next((each["end"] for each in told if "end" in each), None)
    found: dict[str, Finding] = {}
    for each in told:
        if "check" in each and (each["check"] not in found or found[each["check"]].outcome is Outcome.PASSED):
            found[each["check"]] = _checked(each, lost, setting.source)
    for name in planned:
        found.setdefault(name, Finding(name, lost[0], f"was not reached: the solution {lost[1]}"))
    reason = _unproven(ended, found)
    if reason:
        found["proof"] = Finding("proof", Outcome.FAILED if ended else lost[0], reason)
    metrics = {} if ended is None else {"calls": float(ended["calls"]), "assertions": float(ended["asserted"])}
    if ended is not None and ended["operators"]:
        metrics["operators_decided_by_candidate"] = float(ended["operators"])
    if ended is not None and ended["comparisons"]:
        metrics["comparisons_not_passed_on"] = float(ended["comparisons"])
    return Findings(tuple(found.values()), metrics=metrics, forwarded=bool(ended and ended["decisions"]))


def _unproven(ended: dict[str, Any] | None, found: dict[str, Finding]) -> str:
    """Why checks that all passed prove nothing, if so."""
    if any(finding.outcome is not Outcome.PASSED for finding in found.values()):
        return ""
    if ended is None:
        return "the tests did not come to their end"
    if ended["lost"] or ended["trouble"]:
        return f"the solution did what no function may do: {(ended['trouble'] or [ended['lost']])[0]}"
    if not ended["calls"]:
        return "the tests called nothing of the solution"
    return "" if found and ended["asserted"] + ended["ran"] else "the tests asserted nothing"


def _checked(told: dict[str, Any], lost: tuple[Outcome, str], source: str) -> Finding:
    name, detail = told["check"], told.get("detail") or {}
    if told["outcome"] == "passed":
        return Finding(name, Outcome.PASSED)
    if told["outcome"] == "lost":
        return Finding(name, lost[0], feedback.check_text(detail | {"error": f"the solution {lost[1]}"}, source))
    outcome = Outcome.ERROR if told["outcome"] == "error" else Outcome.FAILED
    return Finding(name, outcome, feedback.check_text(detail, source))


def _load_error(source: str, error: dict[str, Any]) -> Broken:
    lines = error.get("lines")
    line = lines[-1][0] if type(lines) is list and lines and type(lines[-1]) is list and lines[-1] else None
    reason = f"loading the solution raised {load_error_text(source, error.get('type'), line)}"
    return Broken(Outcome.ERROR, reason, bounded_line(line))
