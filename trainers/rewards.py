"""Verdicts as rewards, for trainers that sample by themselves: TRL's GRPO and its kin."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from gristmill.graph.judging.candidates import judge_all
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.verifiers.extraction.importing import need_packages
from gristmill.verifiers.records import Candidate, Outcome, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems
from gristmill.verifiers.standing.judge import StandingJudge, standing

__all__ = ["AsyncRewardFunction", "RewardFunction", "async_reward_function", "compute_score", "reward_function"]

Turns = Sequence[Mapping[str, Any]]


class RewardFunction(Protocol):
    """What ``GRPOTrainer(reward_funcs=…)`` takes."""

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[str | Turns], **columns: Any
    ) -> list[float | None]:
        """One reward a completion; None where nothing is known about it."""
        ...


class AsyncRewardFunction(Protocol):
    """The same, to be awaited: several such rewards are asked at once."""

    async def __call__(
        self, prompts: Sequence[Any], completions: Sequence[str | Turns], **columns: Any
    ) -> list[float | None]:
        """One reward a completion; None where nothing is known about it."""
        ...


def reward_function(
    tasks: Iterable[Task],
    *,
    column: str = "task",
    reward: Callable[[Task, Verdict], float] | None = None,
    judge: StandingJudge | None = None,
) -> RewardFunction:
    """A reward for TRL: 1 for a reply that tools verified, 0 for every other, None if it could not be judged.

    A reply without a solution gets 0: nobody may choose to be left out. So does one that is `refused` or `flaky`: what
    the consistency run adds to a failure must not reach the model, or tests could be read out by it, a bit a reply.
    None is this machine's trouble only; TRL leaves such a reply out of its group.

    Args:
        tasks: what the prompts of the data set ask.
        column: of the data set; holds the id of each row's task, as exported rows do in `task`.
        reward: what a verdict that is not unscored is worth, in place of 1 and 0. It gets the verdict as it stood
            before the consistency run, unless that has taken a pass away. What is no finite number counts as 0.
        judge: who judges; None is the one of this process, whose pool stays open (`gristmill.verifiers.judge`).

    Raises:
        UserError: there is no task, or two have one id, or one cannot be judged. The function raises it for a row
            without a task, and InfrastructureError where reply after reply cannot be judged.
        SandboxError: no image of this machine holds the packages that a task names.
    """
    by_id: dict[str, Task] = {}
    for task in tasks:
        if task.id in by_id:
            raise UserError(f"two tasks have the id {task.id!r}")
        if mistakes := problems(task):
            raise UserError(f"task {task.id!r} cannot be judged: {'; '.join(mistakes)}")
        by_id[task.id] = task
    if not by_id:
        raise UserError("a reward needs tasks: there are none")
    if judge is None:
        need_packages(by_id.values())

    def verified(prompts: Sequence[Any], completions: Sequence[str | Turns], **columns: Any) -> list[float | None]:
        ids = _ids(columns.get(column), len(completions), column, by_id)
        candidates = [
            Candidate(task_id=task_id, id=str(place), text=_text(completion))
            for place, (task_id, completion) in enumerate(zip(ids, completions, strict=True))
        ]

        async def judged(verifiers: Verifiers) -> list[Verdict]:
            return [verdict async for _, verdict in judge_all(by_id, candidates, verifiers)]

        verdicts = (judge or standing()).call(judged)
        return [_worth(by_id[task_id], verdict, reward) for task_id, verdict in zip(ids, verdicts, strict=True)]

    return verified


def async_reward_function(
    tasks: Iterable[Task],
    *,
    column: str = "task",
    reward: Callable[[Task, Verdict], float] | None = None,
    judge: StandingJudge | None = None,
) -> AsyncRewardFunction:
    """As `reward_function`, without blocking the loop that awaits it; a call's completions go to the pool at once."""
    judged = reward_function(tasks, column=column, reward=reward, judge=judge)

    async def verified(
        prompts: Sequence[Any], completions: Sequence[str | Turns], **columns: Any
    ) -> list[float | None]:
        return await asyncio.to_thread(judged, prompts, completions, **columns)

    return verified


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """verl's reward for a row of ``export --format verl``: ``{"score"}``, 1 for a reply that tools verified, else 0.

    Args:
        data_source, extra_info: what verl passes besides; not needed.
        solution_str: the reply.
        ground_truth: the task's row as JSON.

    Raises:
        UserError: `ground_truth` is no task, or one that cannot be judged.
        InfrastructureError: this machine could not judge the reply, which says nothing about it.
    """
    try:
        task = Task.model_validate_json(ground_truth)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "row"
        raise UserError(f"ground_truth is no task row: {place}: {first['msg']}") from error
    (worth,) = reward_function([task])([], [solution_str], task=[task.id])
    if worth is None:
        raise InfrastructureError(f"task {task.id!r}: the reply could not be judged on this machine")
    return {"score": worth}


def _worth(task: Task, verdict: Verdict, reward: Callable[[Task, Verdict], float] | None) -> float | None:
    if verdict.outcome is Outcome.UNSCORED:
        return None
    if reward is None:
        return float(verdict.verified)
    worth = float(reward(task, verdict if verdict.unsettled.passed else verdict.unsettled))
    # NaN is how TRL marks a reply that is left out, and nobody may choose to be; infinity ends a training.
    return worth if math.isfinite(worth) else 0.0


def _ids(given: Any, count: int, column: str, tasks: Mapping[str, Task]) -> list[str]:
    if given is None:
        raise UserError(f"the data set has no column {column!r}, which says the task of each row by its id")
    ids = [str(each) for each in given]
    if len(ids) != count:
        raise UserError(f"the column {column!r} has {len(ids)} rows for {count} completions")
    if unknown := next((each for each in ids if each not in tasks), None):
        raise UserError(f"the column {column!r} names the task {unknown!r}, which was not given")
    return ids


def _text(completion: str | Turns) -> str:
    """What the model wrote last: a completion is text, or the turns of a chat."""
    if isinstance(completion, str):
        return completion
    said = next((turn.get("content") for turn in reversed(completion) if turn.get("role") == "assistant"), None)
    if isinstance(said, str):
        return said
    return "".join(str(part.get("text", "")) for part in said or ())
