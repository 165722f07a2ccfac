"""Judge candidates that somebody else wrote: many at once, verdicts in the order of the candidates."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import Any

from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.judging import Judge, Losses, Settling, beside, explain_extraction, judge_extraction
from gristmill.verifiers.records import Candidate, Evidence, PytestTest, PythonTest, Task, Verdict
from gristmill.verifiers.settling import reason

__all__ = ["evidence_row", "judge_all", "verdict_row"]


async def judge_all(
    tasks: Mapping[str, Task],
    candidates: Sequence[Candidate],
    judge: Judge,
    *,
    ahead: int = 64,
    on_verdict: Callable[[Verdict], None] | None = None,
    on_evidence: Callable[[Candidate, Verdict, Evidence], None] | None = None,
) -> AsyncGenerator[tuple[Candidate, Verdict], None]:
    """Candidates with their verdicts, in the order of `candidates`.

    Where a judge process decides, a task's candidates are judged before those of later tasks, and run together with its
    tests when the last of them has been judged; until then none of their verdicts is given out.

    Args:
        tasks: by id.
        candidates: raw replies or bare solutions.
        judge: who judges; how many run at a time is its pool's business.
        ahead: candidates that may be under way beyond the one whose turn it is.
        on_verdict: hears each verdict when it is found, which may be before its turn.
        on_evidence: hears what only the tasks' owner may read, before the verdict is yielded and in the same order;
            nothing is put into words for it where nobody listens.

    Raises:
        InfrastructureError: too many were lost (see `Losses`); those were still yielded.
    """
    judging = _Judging(tasks, candidates, judge, on_verdict, explain=on_evidence is not None)
    losses = Losses(len({candidate.task_id for candidate in candidates}))
    try:
        for place, candidate in enumerate(candidates):
            verdict = await judging.verdict(place, ahead)
            if on_evidence is not None:
                on_evidence(candidate, verdict, judging.evidence(place, verdict))
            yield candidate, verdict
            losses.note(candidate.task_id, verdict)
    finally:
        await judging.close()


class _Judging:
    """The verdicts on candidates, under way in the order in which they are judged."""

    def __init__(
        self,
        tasks: Mapping[str, Task],
        candidates: Sequence[Candidate],
        judge: Judge,
        on_verdict: Callable[[Verdict], None] | None,
        *,
        explain: bool,
    ) -> None:
        self._tasks, self._candidates, self._judge = tasks, candidates, judge
        self._on_verdict = on_verdict
        self._explain = explain
        self._evidence: dict[int, Evidence] = {}
        self._groups: dict[str, list[int]] = {}
        for place, candidate in enumerate(candidates):
            self._groups.setdefault(candidate.task_id, []).append(place)
        self._open = {task_id: len(places) for task_id, places in self._groups.items()}
        self._waiting = iter(self._order())
        self._seen: set[int] = set()
        self._taken = 0
        self._running: set[asyncio.Task[None]] = set()
        self._solutions: dict[int, tuple[str, Verdict]] = {}
        self._verdicts: dict[int, Verdict] = {}

    async def verdict(self, place: int, ahead: int) -> Verdict:
        """The verdict on the candidate at a place, each asked for once, from the first on."""
        while place not in self._verdicts:
            # What this one waits for may be far behind: then nothing but what runs bounds what is begun.
            waits = place in self._solutions or place not in self._seen
            while (len(self._running) if waits else len(self._seen) - self._taken) < ahead and self._begin():
                pass
            await self._progress()
        while len(self._seen) - self._taken < ahead and self._begin():
            pass
        self._taken += 1
        return self._verdicts.pop(place)

    def evidence(self, place: int, verdict: Verdict) -> Evidence:
        """What only the owner may read of the candidate at a place, whose verdict has been given out; once."""
        task = self._tasks[self._candidates[place].task_id]
        evidence = self._evidence.pop(place, None) or beside(task, verdict)
        return evidence.model_copy(update={"reason": reason(verdict)})

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _order(self) -> Iterator[int]:
        """Places in the order of judging: those of a task that may have to be settled stand together."""
        for place, candidate in enumerate(self._candidates):
            group = self._groups[candidate.task_id]
            if not self._may_wait(candidate):
                yield place
            elif place == group[0]:
                yield from group

    def _may_wait(self, candidate: Candidate) -> bool:
        task = self._tasks[candidate.task_id]
        tests = (*task.public_tests, *task.tests)
        return isinstance(self._judge, Settling) and any(isinstance(test, PythonTest | PytestTest) for test in tests)

    def _begin(self) -> bool:
        place = next(self._waiting, None)
        if place is None:
            return False
        self._seen.add(place)
        self._running.add(asyncio.create_task(self._one(place)))
        return True

    async def _progress(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            # One at a time: what fails beside the first failure stays, so that `close` hears of it.
            self._running.discard(task)
            task.result()

    async def _one(self, place: int) -> None:
        candidate = self._candidates[place]
        task = self._tasks[candidate.task_id]
        # Reading takes a bounded time, and yet others need not wait for it.
        extraction = await asyncio.to_thread(extract, task, candidate.text)
        if self._explain:
            verdict, self._evidence[place] = await explain_extraction(task, extraction, self._judge)
        else:
            verdict = await judge_extraction(task, extraction, self._judge, settle=False)
        if verdict.pending and extraction.solution is not None:
            self._solutions[place] = extraction.solution, verdict
        else:
            self._tell(place, verdict)
        self._open[task.id] -= 1
        if not self._open[task.id]:
            await self._settle(task)

    async def _settle(self, task: Task) -> None:
        """All candidates of a task have been judged: the consistency run of those that are pending."""
        places = [place for place in self._groups[task.id] if place in self._solutions]
        judged = [self._solutions.pop(place) for place in places]
        if judged and isinstance(self._judge, Settling):
            for place, verdict in zip(places, await self._judge.settle_all(task, judged), strict=True):
                self._tell(place, verdict)

    def _tell(self, place: int, verdict: Verdict) -> None:
        self._verdicts[place] = verdict
        if self._on_verdict is not None:
            self._on_verdict(verdict)


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
        **({"tree": verdict.tree} if verdict.tree else {}),
    }


def evidence_row(candidate: Candidate, verdict: Verdict, evidence: Evidence) -> dict[str, Any]:
    """A row of an evidence file, which is for the owner of the tasks and for no model; empty fields are left out."""
    return {
        "task_id": candidate.task_id,
        "id": candidate.id,
        "outcome": verdict.outcome.value,
        **evidence.model_dump(mode="json", exclude_defaults=True),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
