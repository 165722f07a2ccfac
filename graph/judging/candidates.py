"""Judge candidates that somebody else wrote: many at once, verdicts in the order of the candidates."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from gristmill.verifiers.judging import Judge, Losses, judge_reply
from gristmill.verifiers.records import Candidate, Task, Verdict

__all__ = ["judge_all", "verdict_row"]


async def judge_all(
    tasks: Mapping[str, Task],
    candidates: Sequence[Candidate],
    judge: Judge,
    *,
    ahead: int = 64,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> AsyncGenerator[tuple[Candidate, Verdict], None]:
    """Candidates with their verdicts, in the order of `candidates`.

    Args:
        tasks: by id.
        candidates: raw replies or bare solutions.
        judge: who judges; how many run at a time is its pool's business.
        ahead: candidates that may be under way beyond the one whose turn it is.
        on_verdict: hears each verdict when it is found, which may be before its turn.

    Raises:
        InfrastructureError: too many were lost (see `Losses`); those were still yielded.
    """
    waiting = iter(candidates)
    under_way: deque[tuple[Candidate, asyncio.Task[Verdict]]] = deque()
    losses = Losses(len({candidate.task_id for candidate in candidates}))

    async def one(candidate: Candidate) -> Verdict:
        _, verdict = await judge_reply(tasks[candidate.task_id], candidate.text, judge)
        if on_verdict is not None:
            on_verdict(verdict)
        return verdict

    try:
        while True:
            for candidate in waiting:
                under_way.append((candidate, asyncio.create_task(one(candidate))))
                if len(under_way) >= ahead:
                    break
            if not under_way:
                return
            candidate, judging = under_way.popleft()
            try:
                verdict = await judging
            except asyncio.CancelledError:
                under_way.appendleft((candidate, judging))
                raise
            yield candidate, verdict
            losses.note(candidate.task_id, verdict)
    finally:
        for _, judging in under_way:
            judging.cancel()
        await asyncio.gather(*(judging for _, judging in under_way), return_exceptions=True)


def verdict_row(candidate: Candidate, verdict: Verdict) -> dict[str, Any]:
    """A row of a verdicts file. A number that JSON has no word for is null."""
    return {
        "task_id": candidate.task_id,
        "id": candidate.id,
        "outcome": verdict.outcome.value,
        "score": _finite(verdict.score),
        "strength": verdict.strength.value,
        "metrics": {name: _finite(value) for name, value in verdict.metrics.items()},
        "feedback": verdict.feedback,
        "seconds": round(verdict.seconds, 4),
        "verifier": verdict.verifier,
        "sandbox": verdict.sandbox,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
