"""Judge answers to reasoning-gym's generated problems: one process reads, another scores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.verifiers.base import unknown_settings
from gristmill.verifiers.calling import outcome_of, over_limits, statements
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.reasoning.datasets import READINGS, refusal
from gristmill.verifiers.reasoning.forms import well_formed
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["ASK", "READING", "REASONING", "ReasoningVerifier", "answer_in", "scores_in", "value_in"]

_GUEST: Final = "gristmill.verifiers.reasoning.guest"
READING: Final = Profile(name="reasoning-reading", guest=(f"{_GUEST}.wire", f"{_GUEST}.candidate"))
"""Where a reply is read: nothing of reasoning-gym is loaded there."""
REASONING: Final = Profile(
    name="reasoning", guest=(f"{_GUEST}.wire", f"{_GUEST}.judge"), preload=("reasoning_gym",), image="reasoning"
)
"""Where the item is made again and a value is scored."""
LIMITS: Final = Limits(wall_seconds=30, cpu_seconds=30, memory_mb=1536, processes=4, output_kb=256)
ASK: Final = "\n\nEnd with your final answer between <answer> and </answer>, and put nothing else there."
"""What an imported prompt ends with."""
_LONGEST: Final = 10_000
_TAGS: Final = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL)
_UNREAD: Final = {
    Outcome.INVALID: "Your answer was read as {answer!r}. It is not of the form that was asked for ({form}).",
    Outcome.TIMEOUT: "Your answer could not be read within the limits.",
    Outcome.OUT_OF_MEMORY: "Your answer could not be read within the limits.",
}
_FIELDS: Final = {"dataset": str, "seed": int, "size": int, "index": int, "version": str}


class ReasoningVerifier:
    """Score in [0, 1]; `passed` at 1. Strength: `tested`.

    `Task.check` names the item: `dataset`, `seed`, `size`, `index` and the `version` that made it, with the data set's
    `config` where that is not its default; it is made again in a sandbox. The answer is what stands last between
    ``<answer>`` and ``</answer>``, else the last line. It is read in another sandbox, as the form that
    `gristmill.verifiers.reasoning.datasets` names for the data set; what is not wholly of that form is `invalid`. The
    value is checked here and scored by a rule of ours, next to the item.

    Raises:
        UserError: another version of reasoning-gym makes another question of that seed (on `verify`).
    """

    name = "reasoning"
    version = 2
    kind = "reasoning"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        check = task.check
        if check is None:
            return ["check: a reasoning task needs dataset, seed, size, index and version of reasoning-gym's item"]
        problems = [
            f"check.{name}: must be {'text' if kind is str else 'a whole number'}"
            for name, kind in _FIELDS.items()
            if type(check.get(name)) is not kind
        ]
        problems += unknown_settings(task, ("hint",))
        if unknown := set(check) - set(_FIELDS) - {"config"}:
            problems.append(f"check: {', '.join(sorted(unknown))} mean nothing here")
        if (config := check.get("config")) is not None and not _is_config(config):
            problems.append(
                "check.config: must be an object of the data set's settings: numbers, texts, or lists of them"
            )
        if reason := refusal(str(check.get("dataset"))):
            problems.append(f"check.dataset: {reason}")
        return problems

    @staticmethod
    def normal_form(task: Task, solution: str) -> str | None:
        """What `gristmill.trainers.measure.agreeing` counts a majority by: the answer's text, whatever its spaces."""
        answer = answer_in(solution)
        return None if answer is None else " ".join(answer.split())

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`; `solution` is the whole reply."""
        answer = answer_in(solution)
        if answer is None:
            text = "No answer was found: put it between <answer> and </answer>."
            return self._verdict(Outcome.INVALID, 0.0, text)
        score = await self._score(task, answer)
        if isinstance(score, Verdict):
            return score
        if score == 1 and self._confirm:
            again = await self._score(task, answer, fresh=True)
            if isinstance(again, Verdict) and again.score is None:
                return again
            if again != score:
                return self._verdict(Outcome.FLAKY, 0.0, "A second look at the same answer came out differently.")
        outcome = Outcome.PASSED if score == 1 else Outcome.FAILED
        partly = f" It is partly right: {score:.2f} of 1." if 0 < score < 1 else ""
        untagged = "" if _TAGS.search(solution) else " There is no <answer>, so your last line was taken."
        text = (
            "The answer is right."
            if score == 1
            else f"Your answer was read as {answer[:200]!r}. It is wrong.{partly}{untagged}"
        )
        return self._verdict(outcome, score, text)

    async def _score(self, task: Task, answer: str, *, fresh: bool = False) -> float | Verdict:
        """The score, or the verdict that ends the matter."""
        check: dict[str, Any] = dict(task.check or {})
        made_by = check.pop("version")
        form, rule = READINGS[check["dataset"]]
        request: dict[str, Any] = {"form": form, "answers": [answer]}
        job = Job(program=f"{_GUEST}.candidate.read_answer:read_answers", request=request, limits=LIMITS)
        report = await self._pool.run(job, READING, fresh=fresh)
        read = value_in(report, form)
        if isinstance(read, Outcome):
            template = _UNREAD.get(read, "Your answer could not be read.")
            return self._verdict(read, 0.0, template.format(answer=answer[:200], form=form.replace("-", " ")))
        asked = check | {"question": task.prompt.removesuffix(ASK), "form": form, "rule": rule}
        report = await self._run_scorer(asked, read, fresh=fresh)
        if (over := over_limits(report)) is not None:
            return self._verdict(over, 0.0, "The answer could not be scored within the limits.")
        scores = scores_in(report, 1)
        if scores is None and await self._follows(report, asked, read):
            return self._verdict(Outcome.ERROR, 0.0, "The answer could not be scored.")
        if scores is None:
            return unscored(f"the scorer of {check['dataset']} said nothing that counts", verifier=self._label)
        if not scores:
            raise UserError(
                f"task {task.id!r}: this version of reasoning-gym does not make its question from its seed; it was "
                f"made by {made_by}: install that, or import the tasks again"
            )
        return scores[0]

    async def _run_scorer(self, asked: dict[str, Any], values: list[Any], *, fresh: bool) -> Report:
        program = f"{_GUEST}.judge.score_values:score_values"
        return await self._pool.run(
            Job(program=program, request=asked | {"values": values}, limits=LIMITS), REASONING, fresh=fresh
        )

    async def _follows(self, report: Report, asked: dict[str, Any], read: list[Any]) -> bool:
        """Whether the scorer's end follows this value to a fresh worker, where it does not end without a value."""
        if report.ending is Ending.FINISHED:
            return False
        again = await self._run_scorer(asked, read, fresh=True)
        return again.ending is not Ending.FINISHED and scores_in(await self._run_scorer(asked, [], fresh=True), 0) == []

    @property
    def _label(self) -> str:
        return f"{self.name}/{self.version}"

    def _verdict(self, outcome: Outcome, score: float, feedback: str) -> Verdict:
        info = self._pool.info(REASONING)
        return Verdict(
            outcome=outcome,
            score=score,
            checks=(Check(name="answer", outcome=outcome, public=True, detail=feedback),),
            strength=Strength.TESTED,
            feedback=feedback,
            verifier=self._label,
            sandbox=info.label,
        )


def _is_config(config: Any) -> bool:
    """Whether it can be the settings of a data set. `seed` and `size` stand beside it."""
    if not isinstance(config, dict) or {"seed", "size"} & set(config):
        return False
    every = [each for value in config.values() for each in (value if isinstance(value, list) else [value])]
    return all(type(each) in (bool, int, float, str) for each in every)


def answer_in(reply: str) -> str | None:
    """The answer that a reply gives: between the last pair of tags, else its last line; None if there is none.

    Nothing between tags is an answer: some puzzles end in nothing.
    """
    text = reply[-200_000:]
    tagged = _TAGS.findall(text)
    if tagged:
        answer = str(tagged[-1]).strip()
        return answer if len(answer) <= _LONGEST else None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    answer = lines[-1] if lines else ""
    return answer if answer and len(answer) <= _LONGEST else None


def value_in(report: Report, form: str) -> list[Any] | Outcome:
    """The value that a reading process has sent, alone in a list; or the outcome of an answer without any.

    Whoever took that process over may have sent anything: what is no value of the form is the candidate's `error`.
    """
    if report.ending is not Ending.FINISHED:
        return outcome_of(report)[0]
    match statements(report):
        case [{"read": [None], **more}] if not more:
            return Outcome.INVALID
        case [{"read": [{"value": value, **rest}], **more}] if not more and not rest and well_formed(form, value):
            return [value]
    return Outcome.ERROR


def scores_in(report: Report, number: int) -> list[float] | None:
    """The `number` scores that a scoring process has sent, each in [0, 1].

    None for anything else, which is our fault and no candidate's; an empty list if it makes another question.
    """
    if report.ending is not Ending.FINISHED:
        return None
    match statements(report):
        case [{"changed": True, **more}] if not more:
            return []
        case [{"scores": list(scores), **more}] if not more and len(scores) == number:
            return scores if all(type(score) is float and 0 <= score <= 1 for score in scores) else None
    return None
