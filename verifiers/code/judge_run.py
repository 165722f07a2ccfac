"""Run a test program or pytest files in a judge process, and read what the judge has said of the candidate."""

from __future__ import annotations

import ast
import itertools
import warnings
from typing import Any, Final

from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.answers import bounded_line
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import limit_in, limit_met, outcome_of, statements
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.code.outlining import outline_of
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.incidents.noting import note_judged
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Fault, Outcome, PytestTest, PythonTest

__all__ = ["entry_points_of", "run_judged"]

_GUEST: Final = "gristmill.verifiers.code.guest"
_ANSWER, _RUN_TESTS = f"{_GUEST}.candidate.answering:answer", f"{_GUEST}.judge.main:run_tests"


def entry_points_of(test: PythonTest | PytestTest) -> tuple[str, ...]:
    """What the test declares of the solution."""
    return (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)


async def run_judged(setting: Setting, test: PythonTest | PytestTest) -> Findings:
    """The tests run in a judge process; they and the candidate have only a socket pair in common."""
    names = list(entry_points_of(test))
    common = {"entry_points": names, "bounds": list(setting.bounds), "shared": test.shared}
    if isinstance(test, PythonTest):
        tests: dict[str, Any] = {"type": "python", "setup": test.setup, "code": test.code}
        needs_pytest = "pytest" in test.setup + test.code
    else:
        tests = {"type": "pytest", "files": test.files}
        needs_pytest = True
    extra = ("pytest",) if needs_pytest and "pytest" not in setting.libraries else ()
    limits = setting.judge_limits
    tests["outline"] = await outline_of(setting)
    candidate, judge = await setting.pool.pair(
        Job(program=_ANSWER, request={"source": setting.source, **common}, limits=setting.limits),
        Job(program=_RUN_TESTS, request={**tests, **common, "public": setting.shown}, limits=limits),
        profile=setting.profile,
        judge_profile=profiles.judge((*setting.libraries, *extra), limits.memory_mb, setting.profile.image),
        fresh=setting.fresh,
    )
    return _judged(setting, candidate, judge)


def _judged(setting: Setting, candidate: Report, judge: Report) -> Findings:
    """Read the judge's messages. Whatever is not said to have passed has not."""
    messages = [each if type(each) is dict else {} for each in statements(judge)]
    lost = outcome_of(candidate, setting.limits) if judge.ending is Ending.FINISHED else outcome_of(judge)
    met = limit_met(candidate, setting.limits)
    if judge.ending is not Ending.FINISHED:
        met = limit_met(judge, setting.judge_limits)
        met = f"{met}, of the process of the tests" if met else ""
    first = messages[0] if messages else {}
    note_judged(messages, candidate)
    if "load" not in first:
        return Findings((), Broken(lost[0], f"while it was loaded, the solution {lost[1]}"))
    if first["load"] is not None:
        return Findings((), _load_error(setting.source, first["load"]))
    if first.get("missing"):
        return Findings((), Broken(Outcome.ERROR, f"the solution does not define {', '.join(first['missing'])}"))
    planned = list(itertools.chain.from_iterable(each["plan"] for each in messages if "plan" in each))
    places = dict(itertools.chain.from_iterable(each["places"] for each in messages if "places" in each))
    ended = next((each["end"] for each in messages if "end" in each), None)
    by_name: dict[str, Finding] = {}
    for each in messages:
        if "check" in each and (each["check"] not in by_name or by_name[each["check"]].outcome is Outcome.PASSED):
            by_name[each["check"]] = _checked(setting, each, lost, met, places.get(each["check"], ""))
    for name in planned:
        text = f"was not reached: the solution {lost[1]}"
        by_name.setdefault(name, Finding(name, lost[0], text, place=places.get(name, ""), limit=met))
    reason, fault = _unproven(ended, by_name)
    if reason:
        # What asserts nothing is no fault of the candidate's, nor to its credit.
        outcome = Outcome.REFUSED if fault is Fault.ASSERTS_NOTHING else Outcome.FAILED
        by_name["proof"] = Finding("proof", outcome if ended else lost[0], reason, fault=fault)
    metrics = {} if ended is None else {"calls": float(ended["calls"]), "assertions": float(ended["asserted"])}
    if ended is not None and ended["operators"]:
        metrics["operators_decided_by_candidate"] = float(ended["operators"])
    if ended is not None and ended["comparisons"]:
        metrics["comparisons_not_passed_on"] = float(ended["comparisons"])
    return Findings(tuple(by_name.values()), metrics=metrics, forwarded=bool(ended and ended["decisions"]))


def _unproven(ended: dict[str, Any] | None, by_name: dict[str, Finding]) -> tuple[str, Fault | None]:
    """Why checks that all passed prove nothing, if so; and what of that is the test's own fault."""
    if any(finding.outcome is not Outcome.PASSED for finding in by_name.values()):
        return "", None
    if ended is None:
        return "the tests did not come to their end", None
    if ended["lost"] or ended["trouble"]:
        return f"the solution did what no function may do: {(ended['trouble'] or [ended['lost']])[0]}", None
    if not ended["calls"]:
        return "the tests called nothing of the solution", Fault.NEVER_CALLS
    if ended["asserted"]:
        return "", None
    return "no assertion of the tests has run: they say nothing of a solution", Fault.ASSERTS_NOTHING


def _checked(setting: Setting, message: dict[str, Any], lost: tuple[Outcome, str], met: str, place: str) -> Finding:
    name, detail = message["check"], message.get("detail") or {}
    if message["outcome"] == "passed":
        return Finding(name, Outcome.PASSED, place=place)
    outcome = Outcome.ERROR if message["outcome"] == "error" else Outcome.FAILED
    if message["outcome"] == "lost":
        outcome, detail = lost[0], detail | {"error": f"the solution {lost[1]}"}
    else:
        # What a solution has raised names what it likes.
        met = "" if detail.get("raised") else limit_in(str(detail.get("error", "")), setting.limits)
        if str(detail.get("error", "")).partition(":")[0] == "MemoryError" and detail.get("raised"):
            met = f"by its own word {setting.limits.memory_mb} MiB (`limits.memory_mb`)"
    statement = str(detail.get("statement") or "")
    held = message.get("held")
    held = held if type(held) is int and held >= 0 and not name.startswith("assert ") else None
    calls = [f"{call} {came}" for call, came in feedback.pairs(detail.get("calls"))]
    said = str(detail.get("error") or "")
    return Finding(
        name,
        outcome,
        "\n".join(filter(None, (feedback.check_text(detail, setting.source), feedback.held_text(held)))),
        place=str(detail.get("place") or place),
        begins=place,
        asked=statement,
        value="; ".join([*calls[-1:], *([said] if said not in ("", "AssertionError") else [])]),
        expected=_expected(statement, dict(feedback.pairs(detail.get("names")))),
        limit=met,
        fault=Fault.RAISES if detail.get("by_itself") is True else None,
        held=held,
    )


def _expected(statement: str, names: dict[str, str]) -> str:
    """``== want, where want = [1, 2]``: the side of a comparison that calls nothing, as far as it can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
            return _side(ast.parse(statement), names)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _side(tree: ast.Module, names: dict[str, str]) -> str:
    match tree.body:
        case [ast.Assert(ast.Compare(left, [operator], [right]))]:
            side = left if _calls(right) else right
            sign = _SIGNS.get(type(operator), "")
        case [ast.Expr(ast.Call(ast.Attribute(attr="assertEqual"), [left, right, *_]))]:
            side, sign = left if _calls(right) else right, "=="
        case _:
            return ""
    if _calls(side):
        return ""
    used = {node.id: names[node.id] for node in ast.walk(side) if isinstance(node, ast.Name) and node.id in names}
    where = ", ".join(f"{name} = {value}" for name, value in used.items())
    return f"{sign} {ast.unparse(side)}{', where ' if where else ''}{where}".strip()


_SIGNS: Final = {ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def _calls(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Call | ast.Await) for each in ast.walk(node))


def _load_error(source: str, error: dict[str, Any]) -> Broken:
    lines = error.get("lines")
    line = lines[-1][0] if type(lines) is list and lines and type(lines[-1]) is list and lines[-1] else None
    reason = f"loading the solution raised {load_error_text(source, error.get('type'), line)}"
    return Broken(Outcome.ERROR, reason, bounded_line(line))
