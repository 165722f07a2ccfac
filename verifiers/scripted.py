"""A judge that finds what a function says: for tests of whatever stands on verdicts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence

from gristmill.verifiers.records import Apart, Evidence, Seeds, Task, Verdict
from gristmill.verifiers.settling import settled

__all__ = ["RescoringJudge", "ScriptedJudge", "SettlingJudge"]


class ScriptedJudge:
    """Asks `find` for the verdict on each solution; it may wait, or raise. `judged` lists (task id, solution)."""

    def __init__(self, find: Callable[[Task, str], Verdict | Awaitable[Verdict]]) -> None:
        self.judged: list[tuple[str, str]] = []
        self._find = find

    async def verify(self, task: Task, solution: str) -> Verdict:
        """The verdict that the script has for this solution."""
        self.judged.append((task.id, solution))
        scripted = self._find(task, solution)
        return await scripted if inspect.isawaitable(scripted) else scripted


class SettlingJudge(ScriptedJudge):
    """A scripted judge all of whose verdicts wait for a consistency run, which passes what `together` says.

    `settled` lists (task id, solution), in the order of settling.
    """

    def __init__(
        self, find: Callable[[Task, str], Verdict | Awaitable[Verdict]], together: Callable[[Task, str], bool]
    ) -> None:
        super().__init__(find)
        self.settled: list[tuple[str, str]] = []
        self._together = together

    async def verify_apart(self, task: Task, solution: str) -> Verdict:
        """The scripted verdict, pending."""
        verdict = await super().verify(task, solution)
        if verdict.score is None:
            return verdict
        apart = Apart(outcome=verdict.outcome, score=verdict.score, strength=verdict.strength)
        return verdict.model_copy(update={"apart": apart})

    async def verify(self, task: Task, solution: str) -> Verdict:
        """The scripted verdict, settled."""
        (done,) = await self.settle_all(task, [(solution, await self.verify_apart(task, solution))])
        return done

    async def settle_all(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        """What the script makes of pending verdicts."""
        self.settled += [(task.id, solution) for solution, verdict in judged if verdict.pending]
        return [settled(verdict, self._together(task, solution)) for solution, verdict in judged]


class RescoringJudge(ScriptedJudge):
    """A scripted judge that finds again what `again` says, by replicate, at the close of a search.

    `looked` lists what it was asked then: (solution, replicate), and (solution, "together") or (solution, "held out").
    """

    def __init__(
        self,
        find: Callable[[Task, str], Verdict | Awaitable[Verdict]],
        again: Callable[[Task, str, int], Verdict],
        *,
        together: Callable[[str], bool | None] = lambda solution: True,
        held_out: Callable[[str], float | None] = lambda solution: None,
    ) -> None:
        super().__init__(find)
        self.looked: list[tuple[str, int | str]] = []
        self._again, self._together, self._held_out = again, together, held_out

    async def rescore(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        """The verdict that the script has for this replicate."""
        self.looked.append((solution, seeds.first))
        return self._again(task, solution, seeds.first)

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool | None:
        """What the script says of plain execution."""
        self.looked.append((solution, "together"))
        return self._together(solution)

    async def held_out(self, task: Task, solution: str, *, seeds: Seeds) -> Evidence | None:
        """The score that the script has on what is held out."""
        self.looked.append((solution, "held out"))
        return Evidence(verifier="scripted/1", score=self._held_out(solution))
