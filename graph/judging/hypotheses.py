"""Verify replies as they arrive, while the model still answers others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gristmill.graph.events import Event, Judged
from gristmill.graph.records import Hypothesis, Step
from gristmill.graph.storage.entries import evident, judged
from gristmill.graph.storage.journal import Journal
from gristmill.verifiers.extraction.replies import Extraction
from gristmill.verifiers.judging import Judge, Losses, Settling, explain_extraction
from gristmill.verifiers.records import Task, Verdict

__all__ = ["Verification"]


class Verification:
    """Verdicts under way, by hypothesis. Each is stored in the moment it is known, and its evidence apart from it.

    Args:
        run: name of the run.
        tasks: how many the run has.
        judge: who verifies.
        journal: where verdicts go.
        tell: hears of each verdict.
    """

    def __init__(self, run: str, tasks: int, judge: Judge, journal: Journal, tell: Callable[[Event], None]) -> None:
        self._run = run
        self._judge = judge
        self._journal = journal
        self._tell = tell
        self._under_way: dict[str, asyncio.Task[Verdict]] = {}
        self._losses = Losses(tasks)

    def begin(self, task: Task, hypothesis: Hypothesis) -> None:
        """Start judging a hypothesis whose reply is stored; twice is once."""
        if hypothesis.id not in self._under_way:
            work = asyncio.create_task(self._verify(task, hypothesis), name=f"verify {hypothesis.id}")
            self._under_way[hypothesis.id] = work

    async def finish(self, task: Task, hypothesis: Hypothesis) -> Verdict:
        """The verdict about a hypothesis, judged now if it was not begun.

        Raises:
            InfrastructureError: verdicts can no longer be had.
        """
        self.begin(task, hypothesis)
        verdict = await self._under_way[hypothesis.id]
        self._under_way.pop(hypothesis.id, None)
        return verdict

    async def settle(self, task: Task, steps: Sequence[Step]) -> list[Verdict]:
        """The verdicts on pending steps after their consistency run. Nothing is stored.

        Raises:
            InfrastructureError: verdicts can no longer be had.
        """
        if not steps or not isinstance(self._judge, Settling):
            return [step.verdict for step in steps]
        judged = [(step.hypothesis.solution or "", step.verdict) for step in steps]
        verdicts = await self._judge.settle_all(task, judged)
        for verdict in verdicts:
            self._losses.note(task.id, verdict)
        return verdicts

    async def close(self) -> None:
        """Stop what is under way; it will be judged at resume."""
        work = list(self._under_way.values())
        self._under_way.clear()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _verify(self, task: Task, hypothesis: Hypothesis) -> Verdict:
        extraction = Extraction(solution=hypothesis.solution, note=hypothesis.note)
        if hypothesis.best is not None:
            task = task.model_copy(update={"best": hypothesis.best})
        verdict, evidence = await explain_extraction(task, extraction, self._judge)
        await self._journal.write(judged(self._run, hypothesis, verdict), evident(self._run, hypothesis, evidence))
        self._tell(
            Judged(
                task_id=task.id,
                hypothesis=hypothesis.id,
                outcome=verdict.outcome,
                score=verdict.score,
                direction=verdict.direction,
                verified=verdict.verified,
                seconds=verdict.seconds,
            )
        )
        self._losses.note(task.id, verdict)
        return verdict
