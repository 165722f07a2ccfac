"""converge: is there a reason to stop?"""

from __future__ import annotations

from typing import Any, Literal

from gristmill.graph.context import Context
from gristmill.graph.events import NodeEntered
from gristmill.graph.records import STARTS, StopReason
from gristmill.graph.state import TaskState
from gristmill.graph.stopping.convergence import converged
from gristmill.graph.stopping.ranking import Standing

__all__ = ["converge", "decided"]


def converge(context: Context, state: TaskState, standing: Standing) -> dict[str, Any]:
    """Ask the predicates of `gristmill.graph.stopping.convergence`, as the last of what `rank` does: a step of the
    graph by itself would cost more than all of them.

    A budget that ran out elsewhere stops this task too. Rounds that were asked for ahead, before there was a reason,
    are still judged: they belong to the run however fast they came. What reaches the target there, and a budget
    that leaves one of them unfinished, is the reason then.
    """
    round = state["round"]
    context.tell(NodeEntered(node="converge", task_id=state["task_id"], round=round))
    refused = state.get("spent")
    spent = StopReason(refused) if refused else context.spending.over()
    stop = converged(standing, round, context.config, spent=spent, cut=bool(refused))
    until = state.get("until")
    reached = stop is not None and stop.reason is StopReason.TARGET and state.get("stop") != StopReason.TARGET
    if until is not None and not (refused or reached):
        return {}
    if stop is None:
        return {"stop": None, "detail": ""}
    search = context.config.search
    ahead = 0 if round == STARTS else search.ahead
    last = min(round + ahead, search.rounds - 1) if until is None else until
    return {"stop": stop.reason.value, "detail": stop.detail, "until": last}


async def decided(state: TaskState) -> Literal["converged", "not yet"]:
    """Which way the graph goes on. Not blocking, so that LangGraph asks for no thread."""
    until = state.get("until")
    return "converged" if state.get("stop") and (until is None or state["round"] >= until) else "not yet"
