"""Verify replies as they arrive, while the model still answers others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gristmill.graph import events
from gristmill.graph.events import Event
from gristmill.graph.judging.repeats import Precedent, renamed, repeated, settled_as
from gristmill.graph.records import Hypothesis, Step
from gristmill.graph.storage.entries import evident, judged
from gristmill.graph.storage.journal import Journal
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.heard import JOB_OWNERS
from gristmill.verifiers.extraction.replies import Extraction
from gristmill.verifiers.judging import Judge, Losses, Settling, Standing, beside, explain_extraction
from gristmill.verifiers.records import Task, Verdict

__all__ = ["Verification", "as_given"]


def as_given(task: Task, hypothesis: Hypothesis) -> Task:
    """The task as this hypothesis is judged by it: with the construction it may go on from, and what it is held to."""
    if hypothesis.best is None and not hypothesis.bar:
        return task
    return task.model_copy(update={"best": hypothesis.best, "bar": hypothesis.bar})


class Verification:
    """Verdicts under way, by hypothesis. Each is noted in the moment it is known, and its evidence apart from it: it is
    stored with the next commit, and before any model is asked again for its task.

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

    def begin(self, task: Task, hypothesis: Hypothesis, before: Precedent | None = None) -> None:
        """Start judging a hypothesis whose reply is stored; twice is once.

        Args:
            task, hypothesis: what is judged.
            before: one that says the same, with its verdict, which is this one's too if it would be found here.
        """
        if hypothesis.id not in self._under_way:
            work = asyncio.create_task(self._verify(task, hypothesis, before), name=f"verify {hypothesis.id}")
            self._under_way[hypothesis.id] = work

    def has_begun(self, hypothesis: Hypothesis) -> bool:
        """Whether a hypothesis is being judged, or has been and nobody has asked for its verdict."""
        return hypothesis.id in self._under_way

    async def finish(self, task: Task, hypothesis: Hypothesis, before: Precedent | None = None) -> Verdict:
        """The verdict about a hypothesis, judged now if it was not begun.

        Raises:
            InfrastructureError: verdicts can no longer be had.
        """
        self.begin(task, hypothesis, before)
        verdict = await self._under_way[hypothesis.id]
        self._under_way.pop(hypothesis.id, None)
        return verdict

    async def settle(self, task: Task, steps: Sequence[Step], known: Mapping[str, Verdict]) -> list[Verdict]:
        """The verdicts on pending steps after their consistency run. Nothing is stored.

        One that repeats another has no run of its own: it gets what that one's has found, now or, in `known`, earlier.

        Raises:
            InfrastructureError: verdicts can no longer be had.
        """
        if not steps or not isinstance(self._judge, Settling):
            return [step.verdict for step in steps]
        firsts = {step.hypothesis.id for step in steps if step.verdict.repeats is None}
        firsts |= {id_ for id_, verdict in known.items() if not verdict.pending}
        own = [step for step in steps if step.verdict.repeats not in firsts]
        judged = [(step.hypothesis.solution or "", step.verdict) for step in own]
        found = dict(known)
        token = JOB_OWNERS.set(tuple(step.hypothesis.id for step in own))
        try:
            settled = await self._judge.settle_all(task, judged)
        finally:
            JOB_OWNERS.reset(token)
        for step, verdict in zip(own, settled, strict=True):
            found[step.hypothesis.id] = verdict
            self._losses.note(task.id, verdict)
        ours = {step.hypothesis.id for step in own}
        return [
            found[step.hypothesis.id]
            if step.hypothesis.id in ours
            else settled_as(step.verdict, found[str(step.verdict.repeats)])
            for step in steps
        ]

    async def _stands(self, task: Task, step: Step) -> bool:
        """Whether a stored verdict is one that this session's judge, in its image, would find."""
        if not isinstance(self._judge, Standing) or step.hypothesis.solution is None:
            return False
        try:
            return await self._judge.stands(task, step.hypothesis.solution, step.verdict)
        except SandboxError:  # the judge itself says what is to be said of that
            return False

    async def close(self) -> None:
        """Stop what is under way; it will be judged at resume."""
        work = list(self._under_way.values())
        self._under_way.clear()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _verify(self, task: Task, hypothesis: Hypothesis, before: Precedent | None) -> Verdict:
        JOB_OWNERS.set((hypothesis.id,))  # in the context of this task of its own
        extraction = Extraction(solution=hypothesis.solution, note=hypothesis.note)
        task = as_given(task, hypothesis)
        if before is not None and before.renamed:
            verdict = renamed(task, before.step)
            evidence = beside(task, verdict)
        elif before is not None and await self._stands(task, before.step):
            verdict = repeated(before.step)
            evidence = before.evidence or beside(task, verdict)
        else:
            verdict, evidence = await explain_extraction(task, extraction, self._judge)
        self._journal.note(judged(self._run, hypothesis, verdict), evident(self._run, hypothesis, evidence))
        self._tell(
            events.Judged(
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
