"""What the search of one task has judged so far, and whether a program is one of these."""

from __future__ import annotations

import asyncio

from gristmill.graph.judging.repeats import Precedent, Repeats, has_trees, same_program
from gristmill.graph.records import Hypothesis, Step
from gristmill.graph.search.novelty import Novelty
from gristmill.graph.search.rows import Place
from gristmill.graph.storage.entries import EVIDENCE
from gristmill.graph.storage.store import Store
from gristmill.verifiers.constructions.offering import takes_best
from gristmill.verifiers.extraction.normal import form_key
from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.records import Evidence, Outcome, Task, Verdict

__all__ = ["Precedents"]

_CERTAIN = (Outcome.PASSED, Outcome.FAILED)


class Precedents:
    """The judged programs of one task of one run.

    Args:
        store, run, task: whose.
        novelty: what an earlier one is under other names is not judged either.
    """

    def __init__(self, store: Store, run: str, task: Task, *, novelty: bool) -> None:
        self._store, self._run, self._task = store, run, task
        self._repeats, self._at_hand = Repeats(task), set[str]()
        self._novelty = Novelty(keep=entry_points(task)) if novelty and has_trees(task) else None

    def add(self, hypothesis: Hypothesis, verdict: Verdict, place: Place) -> None:
        """A hypothesis has a verdict."""
        self._at_hand.discard(hypothesis.id)
        self._repeats.add(hypothesis, verdict)
        # What failed otherwise need not be the program's doing, and may be tried again.
        told = verdict.repeats is None and verdict.unsettled.outcome in _CERTAIN
        if self._novelty is not None and told and hypothesis.solution is not None:
            self._novelty.add(hypothesis.id, place, hypothesis.solution, hypothesis.best)

    def compare(self, id_: str, solution: str, given: str | None) -> None:
        """Work out what a program is compared by, and have it at hand: it takes time with its size, so in a thread."""
        form_key(solution)
        if self._novelty is not None:
            self._novelty.compare(solution, given)
        self._at_hand.add(id_)

    async def find(self, hypothesis: Hypothesis, before: Place) -> Precedent | None:
        """The first hypothesis that says the same as this one and has a verdict which it may share, if there is one."""
        if hypothesis.solution is not None and hypothesis.id not in self._at_hand:
            await asyncio.to_thread(self.compare, hypothesis.id, hypothesis.solution, hypothesis.best)
        alike = self._repeats.alike(hypothesis, before[:2])
        copied = self._copied(hypothesis, before)
        return await asyncio.to_thread(self._precedent, hypothesis, alike, copied) if alike or copied else None

    def was_there(self, solution: str, parent: Step | None, before: Place) -> bool:
        """Whether a program, built on a parent, would be refused since it was there before."""
        if self._novelty is None:
            return False
        best = parent.handed_on if parent is not None else None
        given = best if best and takes_best(self._task, solution) else None
        return self._novelty.neighbour(solution, before, given) is not None

    def _copied(self, hypothesis: Hypothesis, before: Place) -> str | None:
        """The first hypothesis that is this one under other names; a bare prompt's replies are a measure, and stay."""
        bare = hypothesis.operator in (None, "again") or hypothesis.given
        if self._novelty is None or hypothesis.solution is None or bare:
            return None
        return found.id if (found := self._novelty.neighbour(hypothesis.solution, before, hypothesis.best)) else None

    def _precedent(self, hypothesis: Hypothesis, alike: list[str], copied: str | None) -> Precedent | None:
        steps = self._store.steps_of(self._run, [*alike, *filter(None, [copied])])
        first = same_program(self._task, hypothesis, [steps[id_] for id_ in alike if id_ in steps]) if alike else None
        if first is not None:
            return Precedent(first, self._store.documents.get(EVIDENCE, self._run, first.hypothesis.id, Evidence))
        return Precedent(steps[copied], None, renamed=True) if copied in steps else None
