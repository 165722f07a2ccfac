"""verify: wait until every hypothesis of the round has its verdict; most were begun as their replies arrived."""

from __future__ import annotations

import time
from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered
from gristmill.graph.nodes.together import together
from gristmill.graph.records import Hypothesis
from gristmill.graph.state import TaskState

__all__ = ["verify"]


async def verify(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Verdicts for all stored hypotheses that have none, or an unscored one; rounds asked for ahead have their turn."""
    context = runtime.context
    task, round = context.tasks[state["task_id"]], state["round"]
    context.tell(NodeEntered(node="verify", task_id=task.id, round=round))
    begun = time.monotonic()
    memory = await context.memory(task.id)

    async def settle(hypothesis: Hypothesis) -> None:
        begun = context.verification.has_begun(hypothesis)
        before = None if begun else await memory.precedent(hypothesis)
        memory.settle(hypothesis, await context.verification.finish(task, hypothesis, before))

    ahead = context.flights.get(task.id, {})
    await together(settle(hypothesis) for hypothesis in memory.waiting.values() if hypothesis.round not in ahead)
    return {"seconds": state.get("seconds", 0.0) + time.monotonic() - begun}
