"""From an extracted solution to a verdict that says what happened, whatever happened."""

from __future__ import annotations

import math
from typing import Protocol

from gristmill.sandbox.errors import GristmillError, InfrastructureError
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict

__all__ = ["Judge", "verdict_on"]


class Judge(Protocol):
    """What is needed of `gristmill.verifiers.registry.Verifiers`."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        """Judge one solution; never raises for what a candidate does."""
        ...


async def verdict_on(task: Task, solution: str | None, note: str, judge: Judge) -> Verdict:
    """The verdict on what was found in a reply.

    Args:
        solution: None where nothing usable was found: invalid, with the worst score of the task's direction.
        note: what was wrong with the reply, for the model that wrote it.
        judge: asked only about a solution; its trouble is an unscored verdict, which a resume tries again.

    Raises:
        GristmillError: other than `InfrastructureError`: the user's mistake.
    """
    if solution is None:
        minimize = task.direction is Direction.MINIMIZE
        return Verdict(
            outcome=Outcome.INVALID,
            score=math.inf if minimize else 0.0,
            direction=Direction.MINIMIZE if minimize else Direction.MAXIMIZE,
            strength=Strength.TESTED,
            feedback=note,
            verifier="parse/1",
        )
    try:
        return await judge.verify(task, solution)
    except InfrastructureError as error:
        return _unscored(str(error))
    except GristmillError:
        raise
    except Exception as error:  # noqa: BLE001  # a fault of a verifier proves nothing about the candidate
        return _unscored(f"the verifier raised {type(error).__name__}: {error}")


def _unscored(trouble: str) -> Verdict:
    return Verdict(
        outcome=Outcome.UNSCORED, score=None, strength=Strength.SELF_ASSESSED, verifier="none", sandbox=trouble
    )
