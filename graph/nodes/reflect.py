"""reflect: choose what the next round builds on, and write down what it is told and what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill.graph.amounts import NOTHING, dollars
from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered, Reflected
from gristmill.graph.nodes.learning import instructed_by, learned
from gristmill.graph.records import STARTS, Reflection, Step, Tokens
from gristmill.graph.state import TaskState
from gristmill.graph.storage.entries import reflected

__all__ = ["feedback", "reflect"]


async def reflect(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """What the strategy's plans for the next round that is asked for show to the model.

    Once there is a reason to stop, nothing is asked for any more; of what the task begins with no model has learned.
    """
    context = runtime.context
    task_id, round = state["task_id"], state["round"]
    context.tell(NodeEntered(node="reflect", task_id=task_id, round=round))
    if round == STARTS or state.get("until") is not None:
        return {"round": round + 1}
    memory = await context.memory(task_id)
    steps = await memory.shown_steps(memory.plans(round + 1 + context.config.search.ahead))
    about = feedback(list(steps.values()))
    reflection = Reflection(round=round, parents=tuple(steps), feedback=about)
    task, tokens, charged = context.tasks[task_id], Tokens(), NOTHING
    for name, write in (("lesson", learned), ("instruction", instructed_by)):
        written = await write(context, memory, task, round)
        reflection = reflection.model_copy(update={name: written.text})
        tokens, charged = tokens + written.tokens, charged.plus(written.charged)
        if written.entries:
            # Stored with what was bought for it, before anything else is bought.
            await context.journal.write(*written.entries, reflected(context.run, task_id, reflection))
    # Of what is made of stored rows alone nothing is lost: it goes with the next commit, before the next call.
    context.journal.note(reflected(context.run, task_id, reflection))
    memory.learn(reflection)
    counted, money = charged.tokens, dollars(charged.money)
    told = Reflected(
        task_id=task_id, round=round, parents=reflection.parents, tokens=tokens, counted=counted, money=money
    )
    context.tell(told)
    return {"round": round + 1}


def feedback(steps: Sequence[Step]) -> str:
    """What goes back about each parent, for the record: the outcome, the score and the feedback it was given."""
    parts = []
    for step in steps:
        score = "" if step.verdict.score is None else f", score {step.verdict.score:.6g}"
        words = f"\n{step.verdict.feedback}" if step.verdict.feedback else ""
        parts.append(f"{step.hypothesis.id}: {step.verdict.outcome.value}{score}{words}")
    return "\n\n".join(parts)
