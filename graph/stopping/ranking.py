"""Which hypothesis is better, and how a task stands after a round. Pure: the same steps give the same answer."""

from __future__ import annotations

import math

from gristmill.graph.records import Step
from gristmill.sandbox.records import Record
from gristmill.verifiers.extraction.normal import form_key
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict

__all__ = ["Merit", "Standing", "content_key", "declared_target", "graded", "merit", "reaches_target"]

_OPEN = (Strength.FORWARDED, Strength.SPLIT, Strength.TOGETHER)
"""Strengths of a pass that the candidate's own code had a hand in: the search goes on for a better one."""

_TRAINED = ("reward", "loss", "ranges", "command")
_GRADED = ("program", *_TRAINED)

Merit = tuple[int, bool, float]


class Standing(Record):
    """How a task stands after a round.

    `arrived` says whether the model answered at all in it; `stale` counts rounds since the best became better, `same`
    those in a row, this one with them, whose hypotheses were all there before.
    """

    best: str | None = None
    score: float | None = None
    passed: int = 0
    target: bool = False
    stale: int = 0
    novel: int = 0
    same: int = 0
    arrived: bool = True


def merit(verdict: Verdict) -> Merit:
    """What verdicts are compared by; greater is better whatever the score's direction.

    Passed comes first (2, or 1 where the candidate's own code had a hand in that), then having anything usable at all,
    then the score. NaN and infinities are worse than every number, and an unscored verdict is worse than any scored
    one: nothing is known about it.
    """
    score = -math.inf if verdict.score is None or not math.isfinite(verdict.score) else verdict.score
    if verdict.direction is Direction.MINIMIZE and math.isfinite(score):
        score = -score
    passed = verdict.passed + (verdict.passed and verdict.strength not in _OPEN)
    return passed, verdict.outcome not in (Outcome.INVALID, Outcome.UNSCORED), score


def graded(task: Task) -> bool:
    """Whether a score says how good a solution is, not which share of tests it passed: more is wanted, not a cure."""
    return task.kind in _GRADED or task.target is not None or task.scored is not None


def declared_target(task: Task) -> float | None:
    """The score that a task, or its kind, asks for; None where neither does."""
    if task.target is None and task.kind in _TRAINED:
        from gristmill.verifiers.trained.concluding import TARGET

        return TARGET
    return task.target


def reaches_target(task: Task, verdict: Verdict) -> bool:
    """Whether nothing better is asked for: passed, and at the task's target score where it names one.

    A pass that the candidate's own code had a hand in (`forwarded`, `split`, `together`) never is enough, unless
    the task can have no other: a repository's tests run beside what they test, and its owner has said that such passes
    count.
    """
    passed = verdict.passed and (verdict.strength not in _OPEN or task.repo is not None)
    if not passed or task.target is None:
        # Where an author's evaluator gives numbers and nobody names one that will do, better is always asked for.
        return passed and task.scored is None
    if verdict.score is None or not math.isfinite(verdict.score):
        return False
    if verdict.direction is Direction.MINIMIZE:
        return verdict.score <= task.target
    return verdict.score >= task.target


def content_key(step: Step) -> str:
    """What makes two hypotheses the same: their solutions, or replies where none was found, in the normal form.

    All that hand back the construction that they were given are one, whatever they are.
    """
    hypothesis = step.hypothesis
    if hypothesis.best is not None and step.verdict.construction == hypothesis.best:
        return f"{hypothesis.best} again"
    text = hypothesis.text if hypothesis.solution is None else hypothesis.solution
    return form_key(text)
