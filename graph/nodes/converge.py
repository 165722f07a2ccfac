"""converge: is there a reason to stop?"""

from __future__ import annotations

from typing import Any, Literal

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered
from gristmill.graph.records import StopReason
from gristmill.graph.state import TaskState
from gristmill.graph.stopping.convergence import converged
from gristmill.graph.stopping.ranking import Standing

__all__ = ["converge", "decided"]


async def converge(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Ask the predicates of `gristmill.graph.stopping.convergence`.

    A budget that ran out elsewhere stops this task too.
    """
    context, round = runtime.context, state["round"]
    context.tell(NodeEntered(node="converge", task_id=state["task_id"], round=round))
    standing = Standing.model_validate({name: state.get(name) for name in Standing.model_fields})
    refused = state.get("spent")
    spent = StopReason(refused) if refused else context.spending.over()
    stop = converged(standing, round, context.config, spent=spent, cut=bool(refused))
    if stop is None:
        return {"stop": None, "detail": ""}
    return {"stop": stop.reason.value, "detail": stop.detail}


async def decided(state: TaskState) -> Literal["yes", "no"]:
    """Which way the graph goes on. Not blocking, so that LangGraph asks for no thread."""
    return "yes" if state.get("stop") else "no"
