"""I-SHEEP as a graph; training, evaluation and gate are the stages of `improve`.

    begin → synthesize → respond → follow_up → assess → filter ─rows?→ train → evaluate → gate → drift → another?
                                                          └─none→ report ←──no──────────────────────────────┘

Every node first looks whether its record is in the store: what was killed goes on by running the graph again.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from gristmill.trainers.improve import stages as improving
from gristmill.trainers.improve.asking.alerts import ended
from gristmill.trainers.improve.report import write_summary
from gristmill.trainers.improve.state import RoundsState
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.recipes.isheep import stages, writing
from gristmill.trainers.recipes.isheep.context import Flock, FlockRuntime
from gristmill.trainers.recipes.isheep.measuring.drift import (
    Departures,
    Drift,
    departures,
    drift_alerts,
    drift_of,
)
from gristmill.trainers.recipes.isheep.measuring.looking import fairness, turns
from gristmill.trainers.recipes.isheep.measuring.published import ifeval, mtbench
from gristmill.trainers.recipes.isheep.records import Written
from gristmill.trainers.recipes.isheep.summary import IsheepSummary, summarize

__all__ = ["build_isheep", "run_isheep"]


def build_isheep() -> CompiledStateGraph[RoundsState, Flock, Any, Any]:
    """The compiled graph; run it with a `Flock` as context."""
    graph: StateGraph[RoundsState, Flock, Any, Any] = StateGraph(RoundsState, context_schema=Flock)
    graph.add_node("begin", stages.begin)
    graph.add_node("synthesize", writing.synthesize)
    graph.add_node("respond", writing.respond)
    graph.add_node("follow_up", writing.follow_up)
    graph.add_node("assess", writing.assess)
    graph.add_node("filter", stages.filter_pairs)
    graph.add_node("train", stages.train)
    graph.add_node("evaluate", stages.evaluate)
    graph.add_node("gate", stages.gate)
    graph.add_node("drift", drift)
    graph.add_node("report", report)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "synthesize")
    graph.add_edge("synthesize", "respond")
    graph.add_edge("respond", "follow_up")
    graph.add_edge("follow_up", "assess")
    graph.add_edge("assess", "filter")
    graph.add_conditional_edges("filter", _rows)
    graph.add_edge("train", "evaluate")
    graph.add_edge("evaluate", "gate")
    graph.add_edge("gate", "drift")
    graph.add_conditional_edges("drift", _next)
    graph.add_edge("report", END)
    return graph.compile()


def _rows(state: RoundsState, runtime: FlockRuntime) -> Literal["train", "report"]:
    return "train" if improving.has_rows(state["round"], runtime.context) else "report"


def _next(state: RoundsState, runtime: FlockRuntime) -> Literal["synthesize", "report"]:
    return "report" if stages.ends(runtime.context, state["round"]) else "synthesize"


async def drift(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """How the new adapter's replies differ from the base model's; what leaves its band is an event."""
    flock, round_ = runtime.context, state["round"] - 1
    part = f"round-{round_ + 1}"
    if (told := flock.records.read(f"{part}/events", Departures)) is not None:
        flock.alerts.tell(*drift_alerts(told.events, round_))
        return {}
    base = flock.records.read("drift-before", Drift)
    if base is None:
        base = await asyncio.to_thread(drift_of, _replies(flock, "gate-before"))
        flock.records.write("drift-before", base)
    trained = flock.records.read(f"{part}/trained", TrainedAdapter)
    await fairness(flock, "probe-before", None)
    probe = await fairness(flock, f"{part}/probe", None if trained is None else str(trained.path))
    written = flock.records.read(f"{part}/written", Written)
    prompts = [task.prompt for task in written.tasks] if written else []
    now = await asyncio.to_thread(drift_of, _replies(flock, f"{part}/gate-after"), prompts)
    flock.records.write(f"{part}/drift", now)
    first = flock.records.read("round-1/drift", Drift)
    events = departures(
        now, base, flock.recipe.bands, first_topics=first.topics if first and round_ else None, probe=probe
    )
    flock.records.write(f"{part}/events", Departures(events=events))
    flock.alerts.tell(*drift_alerts(events, round_))
    for event in events:
        flock.progress.note(f"drift: {event.what} has left its band: {event.words}")
    return {}


def _replies(flock: Flock, stage: str) -> list[str]:
    evaluation = flock.records.read(stage, Evaluation)
    return [reply for result in evaluation.results for reply in result.replies[:1]] if evaluation else []


async def report(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """The test set, sealed until now, and conversations of two turns: base, then every iteration's adapter."""
    flock = runtime.context
    rounds = state["round"] + (flock.records.read(f"round-{state['round'] + 1}/written", Written) is not None)
    tasks, key = flock.test_set(), flock.recipe.measuring.draw_key or f"{flock.name}/{flock.recipe.run.seed}"
    await flock.evaluation("test-before", "the base model on the test set", tasks, None)
    await turns(flock, "two-turns-before", key, None)
    await mtbench(flock, "mt-bench-before", None)
    base = await ifeval(flock, "ifeval-before", "the base model", None, None)
    last: str | None = None
    for round_ in range(rounds):
        trained = flock.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
        if trained is not None:
            title = f"round {round_ + 1}: its adapter on the test set"
            await flock.evaluation(f"round-{round_ + 1}/test", title, tasks, str(trained.path))
            await turns(flock, f"round-{round_ + 1}/two-turns", key, str(trained.path))
            await mtbench(flock, f"round-{round_ + 1}/mt-bench", str(trained.path))
            last = str(trained.path)
    if last is not None:
        await ifeval(flock, "ifeval-after", "the last adapter", last, base)
    await flock.close()
    summary = summarize(flock, rounds, _kept(flock, rounds))
    await asyncio.to_thread(write_summary, summary, flock.folder)
    flock.records.write("summary", summary)
    flock.alerts.tell(ended(summary.adapter, rounds))
    return {}


def _kept(flock: Flock, rounds: int) -> str | None:
    """The newest adapter that the gate has kept, whoever writes."""
    for round_ in range(rounds - 1, -1, -1):
        decision = stages.decided(flock, round_)
        trained = flock.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
        if decision is not None and decision.kept and trained is not None:
            return str(trained.path)
    return None


async def run_isheep(flock: Flock) -> IsheepSummary:
    """Iterate until it ends; what was killed goes on where it was, what has ended is read.

    Raises:
        GristmillError: as the stages do; what has ended is kept.
    """
    if (earlier := flock.records.read("summary", IsheepSummary)) is not None:
        return earlier
    flock.commit()
    try:
        await build_isheep().ainvoke({"round": 0, "adapter": None}, context=flock, config={"recursion_limit": 2000})
    finally:
        await flock.close()
    summary = flock.records.read("summary", IsheepSummary)
    if summary is None:
        raise RuntimeError("the report left no summary")
    return summary
