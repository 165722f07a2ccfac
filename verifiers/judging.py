"""From a raw reply to a verdict that says what happened, whatever happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from gristmill.sandbox.errors import GristmillError, InfrastructureError
from gristmill.sandbox.plain import plain
from gristmill.verifiers.records import (
    Check,
    CheckEvidence,
    Direction,
    Evidence,
    Outcome,
    Seeds,
    Strength,
    Task,
    Verdict,
)

if TYPE_CHECKING:
    from gristmill.verifiers.extraction.replies import Extraction

__all__ = [
    "FINAL_SEEDS",
    "TRAINED",
    "Judge",
    "Losses",
    "Rescoring",
    "Settling",
    "Standing",
    "Telling",
    "beside",
    "explain_extraction",
    "final_seeds",
    "holds_out",
    "is_evaluators_fault",
    "judge_extraction",
    "judge_reply",
    "short_error",
    "unscored",
]


class Judge(Protocol):
    """Whoever judges a solution: `gristmill.verifiers.registry.Verifiers`, or what stands for it."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        """Judge one solution; never raises for what a candidate does."""
        ...


@runtime_checkable
class Settling(Judge, Protocol):
    """A judge whose consistency run can wait until no model is asked any more for the task."""

    async def verify_apart(self, task: Task, solution: str) -> Verdict:
        """As `verify`, but the verdict may be `pending`."""
        ...

    async def settle_all(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        """The verdicts on several (solution, verdict) of one task, none of them pending any more."""
        ...


@runtime_checkable
class Rescoring(Judge, Protocol):
    """A judge that looks once more at what a search has found, before that is called the best.

    It comes after the last call of the model, and nothing of it is shown to one.
    """

    async def rescore(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        """The verdict found on workers that have run nothing before, by seeds of another draw than the search's."""
        ...

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool | None:
        """Whether plain execution comes to the scores that `rescore` has found; None where that is not asked.

        Raises:
            SandboxError: nothing may be concluded about the solution.
        """
        ...

    async def held_out(self, task: Task, solution: str, *, seeds: Seeds) -> Evidence | None:
        """The score on what is held out from the search; None where nothing is.

        Raises:
            SandboxError: nothing may be concluded about the solution.
        """
        ...


@runtime_checkable
class Standing(Judge, Protocol):
    """A judge that knows whether a verdict which was found before would be found here as well."""

    async def stands(self, task: Task, solution: str, verdict: Verdict) -> bool:
        """Whether the same verifier, in its present version, judges the solution in the same image.

        Raises:
            SandboxError: no sandbox can be had.
        """
        ...


@runtime_checkable
class Telling(Judge, Protocol):
    """A judge that can also say what only the owner of a task may read."""

    async def explain_apart(self, task: Task, solution: str) -> tuple[Verdict, Evidence]:
        """As `Settling.verify_apart`, with the evidence beside the verdict."""
        ...


async def judge_reply(
    task: Task, text: str, judge: Judge, *, parent: str | None = None, settle: bool = True
) -> tuple[Extraction, Verdict]:
    """What is found in a raw reply, and the verdict on it; see `extract` and `judge_extraction`."""
    # Reading takes a bounded time, and yet others need not wait for it.
    from gristmill.verifiers.extraction.replies import extract

    extraction = await asyncio.to_thread(extract, task, text, parent=parent)
    return extraction, await judge_extraction(task, extraction, judge, settle=settle)


async def judge_extraction(task: Task, extraction: Extraction, judge: Judge, *, settle: bool = True) -> Verdict:
    """The verdict on what was found in a reply. Unless it is to `settle`, it may be pending.

    A reply without a usable solution is invalid, with the worst score of the task's direction, and its note is the
    feedback. Trouble of the judge's is an unscored verdict.

    Raises:
        GristmillError: other than `InfrastructureError`: the user's mistake.
    """
    verdict, _ = await _judge(task, extraction, judge, settle=settle, explain=False)
    return verdict


async def explain_extraction(task: Task, extraction: Extraction, judge: Judge) -> tuple[Verdict, Evidence]:
    """The verdict of `judge_extraction`, which may be pending, and beside it the evidence for the task's owner."""
    verdict, evidence = await _judge(task, extraction, judge, settle=False, explain=True)
    return verdict, evidence or beside(task, verdict)


async def _judge(
    task: Task, extraction: Extraction, judge: Judge, *, settle: bool, explain: bool
) -> tuple[Verdict, Evidence | None]:
    if extraction.solution is None:
        minimize = task.direction is Direction.MINIMIZE
        verdict = Verdict(
            outcome=Outcome.INVALID,
            score=task.worst,
            direction=Direction.MINIMIZE if minimize else Direction.MAXIMIZE,
            strength=Strength.TESTED,
            feedback=extraction.note,
            verifier="parse/1",
        )
        return verdict, None
    try:
        if explain and isinstance(judge, Telling):
            return await judge.explain_apart(task, extraction.solution)
        if not settle and isinstance(judge, Settling):
            verdict = await judge.verify_apart(task, extraction.solution)
        else:
            verdict = await judge.verify(task, extraction.solution)
    except InfrastructureError as error:
        verdict = unscored(plain(str(error)))
    except GristmillError:
        raise
    except Exception as error:  # noqa: BLE001  # a judge's own fault proves nothing about the candidate
        verdict = unscored(f"the judge raised {short_error(error)}")
    return verdict, None


_FIELDS = {
    "math": "answer",
    "program": "problem",
    "loss": "problem",
    "reward": "environment",
    "ranges": "environment",
    "reasoning": "check",
}
TRAINED: Final = frozenset(("reward", "loss", "command"))
"""Kinds whose solutions something is trained with, by seeds that a draw of `Seeds` names."""
FINAL_SEEDS: Final = 5
"""Trainings of the final score of a winner; Eureka's."""
_RUN_BY_THE_TASK = frozenset(("program", "reward", "loss"))


def final_seeds(task: Task) -> int:
    """Trainings of a winner by seeds on which nothing was chosen; 0 where the task is not of a `TRAINED` kind."""
    return int(task.settings.get("final_seeds", FINAL_SEEDS)) if task.kind in TRAINED else 0


def holds_out(task: Task) -> bool:
    """Whether there is something that no search is steered by: instances of a score test, final seeds, or a final test
    of ranges."""
    return task.kind == "ranges" or final_seeds(task) > 0 or (task.scored is not None and bool(task.scored.held_out))


def beside(task: Task, verdict: Verdict) -> Evidence:
    """What a verdict itself says, for the task's owner: where its verifier keeps nothing back, that is all there is."""
    checks = verdict.checks
    if not checks and not verdict.passed:
        checks = (Check(name=verdict.verifier, outcome=verdict.outcome, detail=verdict.feedback or verdict.sandbox),)
    target = "" if task.target is None else f"{task.target:g}"
    limits, limit = task.limits, ""
    if task.kind in _RUN_BY_THE_TASK and verdict.outcome is Outcome.TIMEOUT:
        limit = (
            f"{limits.cpu_seconds:g} s of processor time (`limits.cpu_seconds`) "
            f"or {limits.wall_seconds:g} s (`limits.wall_seconds`)"
        )
    elif task.kind in _RUN_BY_THE_TASK - {"loss"} and verdict.outcome is Outcome.OUT_OF_MEMORY:
        limit = f"{limits.memory_mb} MiB (`limits.memory_mb`)"
    shown = []
    for number, check in enumerate(checks):
        place, expected = _FIELDS.get(task.kind, ""), target
        if task.kind == "instruction" and len(checks) == len(task.constraints):
            place, expected = f"constraints[{number}]", json.dumps(task.constraints[number], ensure_ascii=False)
        value = "" if not target or verdict.score is None else f"{verdict.score:.12g}"
        shown.append(CheckEvidence(**dict(check), place=place, value=value, expected=expected, limit=limit))
    return Evidence.of(verdict.verifier, shown)


def unscored(trouble: str, *, verifier: str = "none") -> Verdict:
    """Nothing is known about a candidate, because of `trouble`; a resume tries it again."""
    return Verdict(
        outcome=Outcome.UNSCORED, score=None, strength=Strength.SELF_ASSESSED, verifier=verifier, sandbox=trouble
    )


def is_evaluators_fault(verdict: Verdict) -> bool:
    """Whether a verdict is unscored because a task's own evaluator had no number, and not by this machine's trouble."""
    return verdict.outcome is Outcome.UNSCORED and verdict.sandbox.startswith("tests[")


def short_error(error: BaseException) -> str:
    """``ValueError: message``, cut; an error's text may be anybody's, and making it may fail."""
    try:
        text = plain(str(error)[:300])
    except Exception:  # noqa: BLE001  # an error of a plug-in's own, say
        text = ""
    name = type(error).__name__[:100]
    return f"{name}: {text}" if text else name


class Losses:
    """Says when so many verdicts are unscored that it is no use to go on: `MOST` in a row, over several tasks.

    A task's own trouble, be it with thousands of candidates, ends nothing as long as there are others.

    Args:
        tasks: how many there are; where they are fewer than `TASKS`, all of them must be in trouble.
    """

    MOST, TASKS = 12, 3

    def __init__(self, tasks: int) -> None:
        self._tasks = min(tasks, self.TASKS)
        self._in_a_row = 0
        self._troubled: set[str] = set()

    def note(self, task_id: str, verdict: Verdict) -> None:
        """Hear of a verdict.

        Raises:
            InfrastructureError: too many were lost.
        """
        if verdict.outcome is not Outcome.UNSCORED:
            self._in_a_row = 0
            self._troubled.clear()
            return
        self._in_a_row += 1
        self._troubled.add(task_id)
        if self._in_a_row >= self.MOST and len(self._troubled) >= self._tasks:
            trouble = verdict.sandbox or "no reason was given"
            raise InfrastructureError(
                f"the last {self._in_a_row} candidates could not be judged: {trouble}\n"
                "What was done so far is kept; see what `gristmill doctor` says"
            )
