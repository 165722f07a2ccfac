"""What an answer's author is asked next, by what happened to it: better where a score is graded, else the cause."""

from __future__ import annotations

import math
from typing import Literal

from gristmill.graph.prompts.facts import target
from gristmill.graph.records import Step
from gristmill.graph.stopping.ranking import graded
from gristmill.verifiers.records import Direction, Outcome, Strength, Task

__all__ = ["State", "standing", "state"]

State = Literal[
    "better",
    "reached",
    "passed",
    "forwarded",
    "failed",
    "error",
    "timeout",
    "out_of_memory",
    "invalid",
    "unread",
    "flaky",
    "refused",
]


def state(task: Task, step: Step) -> State:
    """Which of the questions of `chat_reflect.md` fits an answer.

    `better` and `reached`: it has a score that says how good it is, below the target or not; `better` also where none
    is named. `unread`: no solution was found in the reply. `forwarded`: it passed by its own operators' word. Others
    are outcomes.
    """
    verdict = step.verdict
    if verdict.passed:
        if graded(task):
            return "reached" if target(task) is not None else "better"
        return "forwarded" if verdict.strength in (Strength.FORWARDED, Strength.TOGETHER) else "passed"
    if step.hypothesis.solution is None:
        return "unread"
    match verdict.outcome:
        case Outcome.FAILED:
            return "better" if graded(task) and _finite(verdict.score) is not None else "failed"
        case Outcome.ERROR:
            return "error"
        case Outcome.TIMEOUT:
            return "timeout"
        case Outcome.OUT_OF_MEMORY:
            return "out_of_memory"
        case Outcome.FLAKY:
            return "flaky"
        case Outcome.REFUSED:
            return "refused"
        case _:
            return "invalid"


def standing(task: Task, step: Step) -> str:
    """How far a graded answer is from its target: score, direction, target and what is missing; else empty."""
    score, wanted = _finite(step.verdict.score), target(task)
    if not graded(task) or score is None or step.verdict.outcome not in (Outcome.PASSED, Outcome.FAILED):
        return ""
    maximize = step.verdict.direction is Direction.MAXIMIZE
    words = f"Its score is {score:.12g}, and {'more' if maximize else 'less'} is better"
    if wanted is None:
        return f"{words}."
    missing = wanted - score if maximize else score - wanted
    if missing > 0:
        return f"{words}: the target is {wanted:.12g}, and {missing:.3g} is missing."
    return f"{words}: the target of {wanted:.12g} is reached."


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None
