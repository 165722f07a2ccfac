"""Held-out tasks → shares with intervals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from math import comb, sqrt
from typing import Literal, Protocol

from pydantic import Field

from gristmill.graph.models.base import Proposer
from gristmill.graph.prompts.messages import choose_profile, messages_for
from gristmill.graph.records import Message, Request, Sampling
from gristmill.sandbox.records import Record
from gristmill.trainers.records import Share
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Outcome, Task, Verdict

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
    undecided: int = Field(
        0, description="passes that are not counted: operators of the candidates' own took part in deciding them"
    )


async def evaluate(
    tasks: Sequence[Task],
    *,
    proposer: Proposer,
    judge: Judge,
    profile: Literal["auto", "chat", "small"] = "auto",
    bare: bool = False,
    sampling: Sampling | None = None,
    samples: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask for `samples` replies a task, verify them, and count.

    All replies are asked for at once; a verdict is sought as soon as its reply is there. A reply without a usable
    solution counts as not passed, and so does one that passed only by what its own operators said of a test's values:
    a model must not be called better for having learned to forge.

    Args:
        bare: send the task's prompt and nothing else, as benchmarks that publish whole prompts are run.
        proposer: entered; its own batching bounds what runs at a time.
        sampling: None is greedy.
        progress: called with (done, all) replies.

    Raises:
        ModelError: the model could not be had.
    """
    chosen = choose_profile(profile, proposer.model)
    drawn = sampling or Sampling(temperature=0.0, top_p=1.0)
    started, done, spent, undecided = time.monotonic(), 0, 0, 0

    async def one(task: Task, sample: int) -> tuple[str, bool | None]:
        nonlocal done, spent, undecided
        seed = None if drawn.temperature == 0 else (drawn.seed or 0) + sample
        request = Request(
            task_id=task.id,
            round=0,
            sample=sample,
            messages=(
                (Message(role="user", content=task.prompt),) if bare else messages_for(task, profile=chosen, round=0)
            ),
            sampling=drawn.model_copy(update={"seed": seed}),
        )
        reply = await proposer.propose(request)
        spent += reply.tokens.prompt + reply.tokens.completion
        solution = extract(task, reply.text).solution
        passed: bool | None = False
        if solution is not None:
            verdict = await judge.verify(task, solution)
            passed = None if verdict.outcome is Outcome.UNSCORED else verdict.decided_by_tools
            undecided += verdict.passed and not verdict.decided_by_tools
        done += 1
        if progress is not None:
            progress(done, len(tasks) * samples)
        return reply.text, passed

    async with asyncio.TaskGroup() as group:
        asked = [[group.create_task(one(task, sample)) for sample in range(samples)] for task in tasks]
    found = [[each.result() for each in row] for row in asked]
    results = tuple(
        TaskResult(
            task_id=task.id,
            tags=task.tags,
            replies=tuple(text for text, _ in row),
            passed=tuple(passed for _, passed in row),
        )
        for task, row in zip(tasks, found, strict=True)
    )
    return Evaluation(
        results=results,
        pass_at={k: share_of(results, k) for k in range(1, samples + 1)},
        tokens=spent,
        seconds=time.monotonic() - started,
        undecided=undecided,
    )


def share_of(results: Sequence[TaskResult], k: int = 1) -> Share:
    """Unbiased pass@k (Chen et al. 2021, "Evaluating Large Language Models Trained on Code") with a Wilson interval.

    Tasks with fewer than `k` scored samples count as unscored. With several samples a task the interval treats the
    tasks, not the samples, as what varies.
    """
    from scipy.stats import norm

    estimates = []
    for result in results:
        scored = [passed for passed in result.passed if passed is not None]
        if len(scored) >= k:
            wrong = len(scored) - sum(scored)
            estimates.append(1.0 - comb(wrong, k) / comb(len(scored), k))
    total, passed = len(estimates), sum(estimates)
    if not total:
        return Share(passed=0.0, total=0, low=0.0, high=1.0, unscored=len(results))
    z, rate = float(norm.ppf(0.975)), passed / total
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return Share(
        passed=passed,
        total=total,
        low=max(0.0, min(rate, middle - half)),
        high=min(1.0, max(rate, middle + half)),
        unscored=len(results) - total,
    )
