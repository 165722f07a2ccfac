"""record: close the task's trajectory."""

from __future__ import annotations

from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered, TaskEnded
from gristmill.graph.records import StopReason
from gristmill.graph.state import TaskState
from gristmill.graph.storage.entries import ended

__all__ = ["record"]


async def record(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Write down why the loop ended and which hypothesis is the best of all."""
    context, task_id = runtime.context, state["task_id"]
    context.tell(NodeEntered(node="record", task_id=task_id, round=state["round"]))
    past = (await context.memory(task_id)).whole()
    best, solved = past.best.id if past.best else None, past.solved
    stop = StopReason(str(state["stop"]))
    await context.journal.write(
        ended(
            context.run,
            task_id,
            stop=stop,
            detail=state.get("detail", ""),
            best=best,
            solved=solved,
            seconds=state.get("seconds", 0.0),
        )
    )
    context.tell(TaskEnded(task_id=task_id, stop=stop, solved=solved, best=best))
    del context.memories[task_id]
    return {"ended": 1}
