"""A judge that finds what a function says: for tests of whatever stands on verdicts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from gristmill.verifiers.records import Task, Verdict

__all__ = ["ScriptedJudge"]


class ScriptedJudge:
    """Asks `find` for the verdict on each solution; it may wait, or raise. `judged` lists (task id, solution)."""

    def __init__(self, find: Callable[[Task, str], Verdict | Awaitable[Verdict]]) -> None:
        self.judged: list[tuple[str, str]] = []
        self._find = find

    async def verify(self, task: Task, solution: str) -> Verdict:
        """The verdict that the script has for this solution."""
        self.judged.append((task.id, solution))
        found = self._find(task, solution)
        return await found if inspect.isawaitable(found) else found
