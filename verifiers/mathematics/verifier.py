"""Judge mathematics: a final answer against an expected one, or by a property that it must have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gristmill.verifiers.base import unknown_settings
from gristmill.verifiers.mathematics.answers import Judgement, judge_answers
from gristmill.verifiers.mathematics.extraction import expected, final_answers, normal
from gristmill.verifiers.mathematics.jobs import LIMITS, MATHEMATICS
from gristmill.verifiers.mathematics.programs import program_in, run_program
from gristmill.verifiers.mathematics.property_catalogue import check_problems
from gristmill.verifiers.mathematics.property_judging import judge_property
from gristmill.verifiers.mathematics.settings import (
    SETTINGS,
    reading_settings,
    settings_problems,
    settings_warnings,
)
from gristmill.verifiers.records import Check, CheckEvidence, Evidence, Outcome, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["MATHEMATICS", "MathVerifier"]


class MathVerifier:
    """Score 1.0 or 0.0: whether the reply's final answer equals `Task.answer`, or has the property `Task.check` names.

    Strength: `exact` where both have the same form, `proved` where SymPy shows them equal, `numeric` where they only
    agree to 40 digits at points that nobody can foresee (which passes, but is not exported as verified). Reading and
    comparing each run in a sandboxed worker with a hard clock; an answer on which they hang is a `timeout`. For the
    settings see `gristmill.verifiers.mathematics.settings`.
    """

    name = "math"
    version = 3
    kind = "math"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        problems = []
        if task.check is not None:
            problems += check_problems(task.check)
            if task.answer is not None:
                problems.append("answer: a math task has either an `answer` or a `check`, not both")
        elif task.answer is None or not task.answer.strip():
            problems.append("answer: a math task needs the expected answer, or a `check` that names a property")
        return problems + unknown_settings(task, SETTINGS) + settings_problems(task.settings)

    @staticmethod
    def warnings(task: Task) -> list[str]:
        """See `gristmill.verifiers.registry.warnings`."""
        return settings_warnings(task.answer or "", task.settings)

    @staticmethod
    def normal_form(task: Task, solution: str) -> str | None:
        """What `gristmill.trainers.measure.agreeing` counts by: the final answer without what never matters."""
        percent = expected(task.answer or "").rstrip(" }").endswith("%")
        answers = [normal(each) for each in final_answers(solution, percent=percent)]
        return " or ".join(sorted(filter(None, dict.fromkeys(answers)))) or None

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`; `solution` is the whole reply."""
        judgement, _ = await self._judge(task, solution)
        return self._verdict(judgement)

    async def explain(self, task: Task, solution: str) -> tuple[Verdict, Evidence]:
        """See `gristmill.verifiers.base.Explaining.explain`."""
        judgement, answers = await self._judge(task, solution)
        verdict = self._verdict(judgement)
        field, wanted = ("answer", task.answer or "") if task.check is None else ("check", json.dumps(task.check))
        over = judgement.outcome in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
        limits = task.limits if task.settings.get("program") and not answers else LIMITS
        shown = CheckEvidence(
            name="answer",
            outcome=judgement.outcome,
            place=field,
            value=" or ".join(answers),
            expected=wanted,
            limit=f"{limits.cpu_seconds:g} s of processor time, {limits.memory_mb} MiB" if over else "",
            detail=f"{judgement.feedback}\n{judgement.detail}".strip(),
        )
        return verdict, Evidence.of(verdict.verifier, [shown])

    async def _judge(self, task: Task, reply: str) -> tuple[Judgement, list[str]]:
        """What was found, and the final answers that were read, as they stand in the reply."""
        gold = expected(task.answer or "")
        answers: list[str] | Judgement
        source = program_in(reply) if task.settings.get("program") else None
        if source is not None:
            answers = await self._programmed(task, source)
            if isinstance(answers, Judgement):
                return answers, []
        else:
            answers = final_answers(reply, percent=gold.rstrip(" }").endswith("%"))
        settings = reading_settings(task.settings)
        if task.check is not None:
            judging = judge_property(self._pool, task.check, answers, settings, task.limits, confirm=self._confirm)
        else:
            judging = judge_answers(self._pool, gold, answers, task.prompt, settings, confirm=self._confirm)
        return await judging, answers

    async def _programmed(self, task: Task, source: str) -> list[str] | Judgement:
        """What a program answers, twice if a pass is to be confirmed: an answer that changes is none."""
        answer = await run_program(self._pool, source, task.limits)
        if isinstance(answer, Judgement) or not self._confirm:
            return answer if isinstance(answer, Judgement) else [answer]
        again = await run_program(self._pool, source, task.limits, fresh=True)
        if again != answer:
            return Judgement(Outcome.FLAKY, "The program answers differently when it is run again.")
        return [answer]

    def _verdict(self, judgement: Judgement) -> Verdict:
        info = self._pool.info(MATHEMATICS)
        return Verdict(
            outcome=judgement.outcome,
            score=float(judgement.outcome is Outcome.PASSED),
            checks=(Check(name="answer", outcome=judgement.outcome, public=True, detail=judgement.feedback),),
            strength=judgement.strength,
            feedback=judgement.feedback,
            verifier=f"{self.name}/{self.version}",
            sandbox=info.label,
        )
