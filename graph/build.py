"""The loop, as it is drawn in the README. Wiring only: what a node does stands in `gristmill.graph.nodes`."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from gristmill.graph.context import Context, LoopRuntime
from gristmill.graph.nodes.campaign import any_left, close, open_campaign
from gristmill.graph.nodes.converge import decided
from gristmill.graph.nodes.propose import propose
from gristmill.graph.nodes.rank import rank
from gristmill.graph.nodes.record import record
from gristmill.graph.nodes.reflect import reflect
from gristmill.graph.nodes.verify import verify
from gristmill.graph.state import CampaignState, TaskEnding, TaskState

__all__ = ["campaign_graph", "mermaid", "studio", "task_graph"]


def task_graph() -> CompiledStateGraph[TaskState, Context, TaskState, TaskEnding]:
    """One task: propose → verify → rank —converged→ record; —not yet→ reflect → propose."""
    graph = StateGraph(TaskState, context_schema=Context, output_schema=TaskEnding)
    graph.add_node("propose", propose)
    graph.add_node("verify", verify)
    graph.add_node("rank", rank)
    graph.add_node("reflect", reflect)
    graph.add_node("record", record)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "verify")
    graph.add_edge("verify", "rank")
    graph.add_conditional_edges("rank", decided, {"converged": "record", "not yet": "reflect"})
    graph.add_edge("reflect", "propose")
    graph.add_edge("record", END)
    return graph.compile()


def campaign_graph() -> CompiledStateGraph[CampaignState, Context, CampaignState, CampaignState]:
    """All tasks: open → one loop per pending task, side by side → close, and again while any are left."""
    loop = task_graph()

    async def task(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
        async with runtime.context.slots:
            return dict(await loop.ainvoke(state))

    def each_task(state: CampaignState) -> list[Send]:
        return [Send("task", {"task_id": task_id}) for task_id in state["pending"]]

    graph = StateGraph(CampaignState, context_schema=Context)
    graph.add_node("open", open_campaign)
    graph.add_node("task", task)
    graph.add_node("close", close)
    graph.add_edge(START, "open")
    graph.add_conditional_edges("open", each_task, {"each task": "task"})
    graph.add_edge("task", "close")
    graph.add_conditional_edges("close", any_left, {"more": "open", "none": END})
    return graph.compile()


def mermaid() -> str:
    """The picture of the campaign with the loop inside it, in Mermaid."""
    return campaign_graph().get_graph(xray=True).draw_mermaid()


def studio() -> CompiledStateGraph[CampaignState, Context, CampaignState, CampaignState]:
    """What `langgraph.json` names, for LangGraph Studio to draw; runs are started with `gristmill run`."""
    return campaign_graph()
