"""Judge a mathematical answer: extract it, read it in one sandboxed job, compare it in another."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.values.canonical import DecodeError, decode
from gristmill.verifiers.mathematics.extraction import LONGEST, final_answers, normal, restates
from gristmill.verifiers.mathematics.trees import check
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.pool import Pool

__all__ = ["MATHEMATICS", "MathVerifier"]

_WORKER = "gristmill.verifiers.mathematics.worker"
MATHEMATICS = Profile(
    name="mathematics",
    guest=("gristmill.verifiers.mathematics.trees", _WORKER),
    preload=("sympy", "math_verify", "latex2sympy2_extended"),
)
PERCENT = ("fraction", "number")
# What SymPy takes for one answer is bounded here, whatever the task allows a candidate.
LIMITS = Limits(wall_seconds=10, cpu_seconds=10, memory_mb=1024, processes=4, output_kb=512)
# Nothing that Python could be made to run: no quotes, no names with underscores before a letter, no code words.
_FORBIDDEN = ("__", "import", "eval", "exec", "getattr", '"', "`", ";", "@", "#", "==", ":=")
# `\lambda` and `f'(x)` are mathematics; Python's lambda and its texts are not.
_FORBIDDEN_SHAPES = (
    (re.compile(r"(?<!\\)lambda", re.IGNORECASE), "lambda"),
    (re.compile(r"(?<![A-Za-z'])'|'(?![(=\s,'^_)}]|$)"), "'"),
)


class MathVerifier:
    """Score 1.0 or 0.0: whether the reply's final answer equals `Task.answer`.

    `settings.percent` says what ``10%`` means: ``fraction`` (.1, the default) or ``number`` (10). Strength: `exact`
    where both have the same form, `proved` where SymPy shows them equal, `numeric` where they only agree to 12 digits
    (which passes, but is not exported as verified). Reading and comparing each run in a sandboxed worker with a hard
    clock; an answer on which they hang is a `timeout`.
    """

    name = "math"
    version = 1
    kind = "math"

    def __init__(self, pool: Pool, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        found = []
        if task.check is not None:
            found.append("check: mathematics by property is not judged yet; give an `answer`")
        elif task.answer is None or not task.answer.strip():
            found.append("answer: a math task needs the expected answer")
        percent = task.settings.get("percent", "fraction")
        if percent not in PERCENT:
            found.append(f"settings.percent: {percent!r} is neither 'fraction' (10% is .1) nor 'number' (10% is 10)")
        return found

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`; `solution` is the whole reply."""
        start = time.perf_counter()
        gold = task.answer or ""
        answers = list(dict.fromkeys(final_answers(solution)))
        if not answers:
            return self._verdict(start, Outcome.INVALID, "No final answer was found: end with \\boxed{your answer}.")
        if len({normal(answer) for answer in answers}) > 1:
            return self._verdict(start, Outcome.INVALID, "Several different final answers were given: decide on one.")
        answer = answers[-1]
        if normal(answer) and normal(answer) == normal(gold):
            return self._verdict(start, Outcome.PASSED, "The final answer is right.", Strength.EXACT)
        if restates(answer, task.prompt):
            return self._verdict(start, Outcome.INVALID, "The final answer repeats the problem: give its value.")
        refused = _refusal(answer)
        if refused:
            return self._verdict(start, Outcome.INVALID, f"The final answer was not read: {refused}.")
        return await self._judge(start, gold, answer, str(task.settings.get("percent", "fraction")))

    async def _judge(self, start: float, gold: str, answer: str, percent: str) -> Verdict:
        text, told = await self._ask("read", {"text": answer, "percent": percent})
        if text is not None:
            return self._verdict(start, text, "The final answer could not be evaluated within the limits.")
        tree = told.get("tree") if isinstance(told, dict) else None
        if type(tree) is not str:
            # Its own words are not shown on: a worker that was taken over could say anything.
            known = ("it could not be read as mathematics", "it is not evaluated: give the value, not the problem")
            reason = told.get("refused") if isinstance(told, dict) else None
            why = reason if reason in known else known[0]
            return self._verdict(start, Outcome.INVALID, f"The final answer was not accepted: {why}.")
        if check(tree) is not None:
            return self._verdict(start, Outcome.INVALID, "The final answer is not an expression that can be compared.")
        request = {"gold": gold, "tree": tree, "percent": percent}
        text, told = await self._ask("compare", request)
        if text is not None:
            return self._verdict(start, text, "Comparing the final answer took more than the limits allow.")
        equal, how = (told.get("equal"), told.get("how")) if isinstance(told, dict) else (None, None)
        if equal is not True:
            return self._verdict(
                start,
                Outcome.FAILED,
                f"Your final answer was read as {answer[:200]}. It is not equal to the expected answer.",
            )
        if self._confirm:
            text, again = await self._ask("compare", request, fresh=True)
            if text is not None or again != told:
                return self._verdict(start, Outcome.FLAKY, "It could not be confirmed that the final answer is right.")
        strength = {"form": Strength.EXACT, "symbolic": Strength.PROVED}.get(str(how), Strength.NUMERIC)
        return self._verdict(start, Outcome.PASSED, "The final answer is right.", strength)

    async def _ask(self, function: str, request: dict[str, Any], *, fresh: bool = False) -> tuple[Outcome | None, Any]:
        """(outcome if the job did not end well, what it said)."""
        job = Job(program=f"{_WORKER}:{function}", request=request, limits=LIMITS)
        report = await self._pool.run(job, MATHEMATICS, fresh=fresh)
        outcome = {Ending.TIMEOUT: Outcome.TIMEOUT, Ending.OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY}.get(report.ending)
        if outcome is not None:
            return outcome, None
        return None, _said(report)

    def _verdict(self, start: float, outcome: Outcome, feedback: str, strength: Strength = Strength.PROVED) -> Verdict:
        info = self._pool.info(MATHEMATICS)
        return Verdict(
            outcome=outcome,
            score=float(outcome is Outcome.PASSED),
            checks=(Check(name="answer", outcome=outcome, public=True, detail=feedback),),
            strength=strength,
            feedback=feedback,
            seconds=time.perf_counter() - start,
            verifier=f"{self.name}/{self.version}",
            sandbox=f"{info.backend}:{info.image}",
        )


def _refusal(answer: str) -> str:
    """Why an answer's text is not even parsed; empty if it may be."""
    if len(answer) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if not answer.isprintable() and "\n" not in answer:
        return "it holds unprintable characters"
    lowered = answer.lower()
    for part in _FORBIDDEN:
        if part in lowered:
            return f"it holds {part!r}, which mathematics does not need"
    for shape, part in _FORBIDDEN_SHAPES:
        if shape.search(answer):
            return f"it holds {part!r}, which mathematics does not need"
    if any(each.isdigit() and not each.isascii() for each in answer):
        return "it holds digits other than 0 to 9"
    return ""


def _said(report: Report) -> Any:
    if report.ending is not Ending.FINISHED or not report.messages:
        return None
    try:
        return decode(report.messages[-1])
    except DecodeError:
        return None
