"""The outer graph: campaign → curate → train → evaluate → gate, round after round.

    baseline → campaign → waves → curate ─rows?→ train → evaluate → gate → another round? → campaign
                                     └──none──────────────────────────┐         │no
                                                                      └→ report ┘

Every node first looks whether its record is in the store: a killed improvement resumes by running the
graph again. An adapter is trained from the base model each time, on what was verified in all rounds so far.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from gristmill.trainers.improve import stages
from gristmill.trainers.improve.context import Mill, MillRuntime
from gristmill.trainers.improve.state import RoundsState
from gristmill.trainers.improve.waves import waves
from gristmill.trainers.records import Improvement

__all__ = ["build_rounds", "mermaid", "run_rounds"]


def build_rounds() -> CompiledStateGraph[RoundsState, Mill, Any, Any]:
    """The compiled graph; run it with a `Mill` as context."""
    graph: StateGraph[RoundsState, Mill, Any, Any] = StateGraph(RoundsState, context_schema=Mill)
    graph.add_node("baseline", stages.baseline)
    graph.add_node("campaign", stages.campaign)
    graph.add_node("waves", waves)
    graph.add_node("curate", stages.curate)
    graph.add_node("train", stages.train)
    graph.add_node("evaluate", stages.evaluate)
    graph.add_node("gate", stages.gate)
    graph.add_node("report", stages.report)
    graph.add_edge(START, "baseline")
    graph.add_edge("baseline", "campaign")
    graph.add_edge("campaign", "waves")
    graph.add_edge("waves", "curate")
    graph.add_conditional_edges("curate", _rows)
    graph.add_edge("train", "evaluate")
    graph.add_edge("evaluate", "gate")
    graph.add_conditional_edges("gate", _next)
    graph.add_edge("report", END)
    return graph.compile()


def _rows(state: RoundsState, runtime: MillRuntime) -> Literal["train", "report"]:
    return "train" if stages.has_rows(state["round"], runtime.context) else "report"


def _next(state: RoundsState, runtime: MillRuntime) -> Literal["campaign", "report"]:
    return "campaign" if state["round"] < runtime.context.config.rounds else "report"


async def run_rounds(mill: Mill) -> Improvement:
    """Turn the mill until the rounds are over; one that was killed goes on where it was, one that has ended is read.

    Raises:
        GristmillError: as the stages do; what has ended is kept.
    """
    if (earlier := mill.records.read("summary", Improvement)) is not None:
        return earlier
    mill.commit()
    try:
        await build_rounds().ainvoke({"round": 0, "adapter": None}, context=mill, config={"recursion_limit": 1000})
    finally:
        await mill.close()
    summary = mill.records.read("summary", Improvement)
    if summary is None:
        raise RuntimeError("the report left no summary")
    return summary


def mermaid() -> str:
    """The picture of this graph, for the docs."""
    return build_rounds().get_graph().draw_mermaid()
