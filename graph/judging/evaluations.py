"""Evaluations at the close of a search: each is made once, and stored when it is made.

They are documents of the run, which nothing that asks a model reads.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final, Protocol

from gristmill.graph.judging.hypotheses import as_given
from gristmill.graph.records import Step
from gristmill.graph.storage.entries import Entry, document
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Opening
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Record
from gristmill.verifiers.judging import Rescoring, holds_out
from gristmill.verifiers.records import Evidence, Outcome, Seeds, Task, Verdict

__all__ = ["Evaluations", "TroubleError", "Writer", "final_evidence", "openings"]

_DRAW: Final = "close"
_RESCORED, _REPRODUCED, _HELD_OUT = "rescored", "reproduced", "held-out"
_OPENED: Final = "opened"


class TroubleError(Exception):
    """This machine's, or the evaluator's own: nothing may be concluded."""


class Writer(Protocol):
    """The way into the store: `gristmill.graph.storage.journal.Journal`, while a run is at work."""

    async def write(self, *entries: Entry) -> None:
        """Commit entries."""
        ...


class _Bit(Record):
    shown: bool | None


class Evaluations:
    """What is found of hypotheses when their search has ended.

    Args:
        run, store, journal: where it goes, and what was found before is.
        judge: who judges.
    """

    def __init__(self, run: str, store: Store, journal: Writer, judge: Rescoring) -> None:
        self._run, self._store, self._journal, self._judge = run, store, journal, judge

    async def rescored(self, task: Task, step: Step, replicate: int) -> Verdict:
        """One evaluation of a hypothesis on fresh workers, made now or before."""
        id_, solution = step.hypothesis.id, step.hypothesis.solution or ""
        key = f"{id_}/{replicate}"
        known = await asyncio.to_thread(self._store.documents.get, _RESCORED, self._run, key, Verdict)
        if known is not None:
            return known
        verdict = await self._judge.rescore(as_given(task, step.hypothesis), solution, _seeds(replicate))
        if verdict.outcome is Outcome.UNSCORED:
            raise TroubleError(f"{id_} could not be scored again: {verdict.sandbox}")
        await self._journal.write(document(_RESCORED, self._run, key, verdict))
        return verdict

    async def reproduced(self, task: Task, step: Step, verdict: Verdict, replicate: int) -> bool | None:
        """Whether plain execution comes to what was found, as it showed now or before."""
        id_ = step.hypothesis.id
        known = await asyncio.to_thread(self._store.documents.get, _REPRODUCED, self._run, id_, _Bit)
        if known is not None:
            return known.shown
        try:
            shown = await self._judge.reproduces(task, step.hypothesis.solution or "", verdict, _seeds(replicate))
        except SandboxError as error:
            raise TroubleError(f"the consistency run of {id_} could not be had: {error}") from error
        await self._journal.write(document(_REPRODUCED, self._run, id_, _Bit(shown=shown)))
        return shown

    async def held_out(self, task: Task, step: Step) -> float | None:
        """The score on what was held out."""
        known = await self.held_out_evidence(task, step)
        return None if known is None else known.score

    async def held_out_evidence(self, task: Task, step: Step) -> Evidence | None:
        """The same with the score of each instance, kept for the owner; None where nothing is held out."""
        id_ = step.hypothesis.id
        known = await asyncio.to_thread(self._store.documents.get, _HELD_OUT, self._run, id_, Evidence)
        if known is None:
            await self._opened(task, id_)
            try:
                solution, seeds = step.hypothesis.solution or "", Seeds(draw=_DRAW)
                known = await self._judge.held_out(as_given(task, step.hypothesis), solution, seeds=seeds)
            except SandboxError as error:
                raise TroubleError(f"{id_} could not be scored on what is held out: {error}") from error
            if known is None:
                return None
            await self._journal.write(document(_HELD_OUT, self._run, id_, known))
        return known

    async def _opened(self, task: Task, id_: str) -> None:
        """Write down that what is held out is opened, before it is looked at: who is killed then has looked."""
        if not holds_out(task):
            return
        if await asyncio.to_thread(self._store.documents.get, _OPENED, self._run, id_, Opening) is None:
            opening = Opening(task=task.id, hypothesis=id_, at=datetime.now(UTC))
            await self._journal.write(document(_OPENED, self._run, id_, opening))

    async def openings(self, task: Task) -> tuple[Opening, ...]:
        """See `openings`."""
        return await asyncio.to_thread(openings, self._store, self._run, task.id)


def final_evidence(store: Store, run: str, hypothesis: str) -> Evidence | None:
    """What a hypothesis came to on what is held out, where that was looked at; kept for the owner."""
    return store.documents.get(_HELD_OUT, run, hypothesis, Evidence)


def openings(store: Store, run: str, task_id: str) -> tuple[Opening, ...]:
    """For whom what a task holds out was opened, the first one first."""
    kept = store.documents.list(_OPENED, run, Opening)
    return tuple(each for each in kept.values() if each.task == task_id)


def _seeds(replicate: int) -> Seeds:
    """One replicate, by a seed that no verdict of the search was made with, the same for all."""
    return Seeds(draw=_DRAW, first=replicate, count=1)
