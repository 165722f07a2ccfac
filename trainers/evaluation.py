"""Held-out tasks → shares with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pydantic import Field

from gristmill.graph.models.base import Proposer
from gristmill.graph.records import Sampling
from gristmill.sandbox.records import Record
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Task, Verdict

__all__ = ["Evaluation", "Judge", "TaskResult", "evaluate", "share_of"]


class Judge(Protocol):
    """Whatever verifies one solution: a verifier, or all of them behind one `verify`."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        """The verdict on one extracted solution."""
        ...


class TaskResult(Record):
    """One task's replies and what was found about them."""

    task_id: str
    tags: tuple[str, ...] = ()
    replies: tuple[str, ...]
    passed: tuple[bool | None, ...] = Field(description="by sample; None is unscored")


class Evaluation(Record):
    """What a model can do on a set of tasks."""

    results: tuple[TaskResult, ...]
    pass_at: dict[int, Share] = Field(description="unbiased pass@k by k, over tasks with a scored sample")
    tokens: int
    seconds: float


async def evaluate(
    tasks: Sequence[Task],
    *,
    proposer: Proposer,
    judge: Judge,
    profile: str = "small",
    sampling: Sampling | None = None,
    samples: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask for `samples` replies a task, verify them, and count.

    Args:
        sampling: None is greedy with the profile's length and stops.
        progress: called with (done, all) replies.
    """
    raise NotImplementedError


def share_of(results: Sequence[TaskResult], k: int = 1) -> Share:
    """Unbiased pass@k over the tasks, with a Wilson interval; unscored samples are left out."""
    raise NotImplementedError
