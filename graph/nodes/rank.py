"""rank: who is best so far, what the round has changed, and whether that is a reason to stop."""

from __future__ import annotations

from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered, RoundRanked
from gristmill.graph.nodes.converge import converge
from gristmill.graph.state import TaskState

__all__ = ["rank"]


async def rank(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """The task's standing, from the stored verdicts alone and in hypothesis order, so that arrival plays no part; and
    what follows from it (`gristmill.graph.nodes.converge`)."""
    context = runtime.context
    task, round = context.tasks[state["task_id"]], state["round"]
    context.tell(NodeEntered(node="rank", task_id=task.id, round=round))
    standing = (await context.memory(task.id)).before(round + 1).standing(round)
    context.tell(
        RoundRanked(task_id=task.id, round=round, best=standing.best, score=standing.score, passed=standing.passed)
    )
    return converge(context, state, standing)
