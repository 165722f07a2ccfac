"""reflect: choose what the next round builds on, and write down what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered, Reflected
from gristmill.graph.records import Reflection, Step
from gristmill.graph.state import TaskState
from gristmill.graph.stopping.ranking import ranked
from gristmill.graph.storage.entries import reflected

__all__ = ["feedback", "reflect"]


async def reflect(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """The strategy's parents for every sample of the next round."""
    context = runtime.context
    task_id, round = state["task_id"], state["round"]
    context.tell(NodeEntered(node="reflect", task_id=task_id, round=round))
    steps = [step for step in await context.steps(task_id) if step.hypothesis.round <= round]
    parents = context.strategy.parents(ranked(steps), context.config.search.hypotheses)
    chosen = tuple(dict.fromkeys(parent for group in parents for parent in group))
    by_id = {step.hypothesis.id: step for step in steps}
    reflection = Reflection(round=round, parents=chosen, feedback=feedback([by_id[parent] for parent in chosen]))
    await context.journal.write(reflected(context.run, task_id, reflection))
    context.tell(Reflected(task_id=task_id, round=round, parents=chosen))
    return {"round": round + 1, "parents": [list(group) for group in parents]}


def feedback(steps: Sequence[Step]) -> str:
    """What goes back about each parent, for the record: the outcome, the score and the feedback it was given."""
    parts = []
    for step in steps:
        score = "" if step.verdict.score is None else f", score {step.verdict.score:.6g}"
        words = f"\n{step.verdict.feedback}" if step.verdict.feedback else ""
        parts.append(f"{step.hypothesis.id}: {step.verdict.outcome.value}{score}{words}")
    return "\n\n".join(parts)
