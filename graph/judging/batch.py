"""Judge candidates that somebody else wrote: many at once, verdicts in the order of the candidates."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from gristmill.graph.judging.outcomes import Judge, verdict_on
from gristmill.sandbox.errors import InfrastructureError
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Candidate, Outcome, Task, Verdict

__all__ = ["LOST", "judge_all", "verdict_row"]

LOST = 10
"""Unscored verdicts in a row after which nothing more is tried."""


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
        InfrastructureError: the last `LOST` verdicts were all unscored; those were still yielded.
    """
    waiting = iter(candidates)
    under_way: deque[tuple[Candidate, asyncio.Task[Verdict]]] = deque()
    lost = 0

    async def one(candidate: Candidate) -> Verdict:
        task = tasks[candidate.task_id]
        found = extract(task, candidate.text)
        verdict = await verdict_on(task, found.solution, found.note, judge)
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
            lost = lost + 1 if verdict.outcome is Outcome.UNSCORED else 0
            if lost == LOST:
                trouble = verdict.sandbox or "no reason was given"
                raise InfrastructureError(f"the last {LOST} candidates could not be judged: {trouble}")
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
