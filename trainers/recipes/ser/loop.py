"""The graph of SER: train → score → label, round after round, until neither learning status yields data.

    prepare → train → score → label ─on?→ train
                                 └──no──→ evaluate

Every node first looks whether its record is in the store: a killed run resumes by running the graph again.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from gristmill.graph.commands.alerts.due import Alert
from gristmill.trainers.recipes.ser import stages
from gristmill.trainers.recipes.ser.records import SerResult
from gristmill.trainers.recipes.ser.stages import Bench, SerState

__all__ = ["build_ser", "run_ser", "ser_alerts"]


def build_ser() -> CompiledStateGraph[SerState, Bench, Any, Any]:
    """The compiled graph; run it with a `Bench` as context."""
    graph: StateGraph[SerState, Bench, Any, Any] = StateGraph(SerState, context_schema=Bench)
    for node in (stages.prepare, stages.train, stages.score, stages.label, stages.evaluate):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "train")
    graph.add_edge("train", "score")
    graph.add_edge("score", "label")
    graph.add_conditional_edges("label", _on)
    graph.add_edge("evaluate", END)
    return graph.compile()


def _on(state: SerState) -> Literal["train", "evaluate"]:
    return "evaluate" if state["ended"] else "train"


def run_ser(bench: Bench) -> SerResult:
    """Run it to its end; one that was killed goes on where it was, one that has ended is read.

    Raises:
        GristmillError: as the stages do; what has ended is kept.
    """
    if (earlier := bench.records.read("result", SerResult)) is not None:
        return earlier
    build_ser().invoke({"round": 0, "ended": False}, context=bench, config={"recursion_limit": 1000})
    result = bench.records.read("result", SerResult)
    if result is None:
        raise RuntimeError("the evaluation left no result")
    return result


def ser_alerts(result: SerResult) -> tuple[Alert, ...]:
    """What to tell of its end, and that it went astray: surer and less right, so that its last model is not used."""
    found = result.measured.accuracy
    text = (
        f"{result.stop}; on held-out labels the model of round {result.chosen} has {found.right} of {found.of} right."
    )
    alerts = [Alert(key="finished", title="finished", text=text)]
    if result.chosen < len(result.rounds) - 1:
        alerts.insert(0, Alert(key="collapse", title="collapse", text=f"{result.stop}."))
    return tuple(alerts)
