"""record: run together what a judge process decided, now that no model is asked any more, and close the trajectory."""

from __future__ import annotations

from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered, Settled, TaskEnded
from gristmill.graph.records import StopReason
from gristmill.graph.state import TaskState
from gristmill.graph.storage.entries import ended, settled

__all__ = ["record"]


async def record(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Settle the task's verdicts, and write down why the loop ended and which hypothesis is the best of all.

    Both at once: a run that is cut off before has all of it still to do, and finds the verdicts that it has decided on.
    """
    context, task_id = runtime.context, state["task_id"]
    context.tell(NodeEntered(node="record", task_id=task_id, round=state["round"]))
    memory = await context.memory(task_id)
    ids = memory.pending()
    by_id = await context.read(lambda: context.store.steps_of(context.run, ids)) if ids else {}
    steps = [by_id[id_] for id_ in ids]
    firsts = list(dict.fromkeys(each for step in steps if (each := step.verdict.repeats) and each not in by_id))
    known = await context.read(lambda: context.store.steps_of(context.run, firsts)) if firsts else {}
    settling = await context.verification.settle(
        context.tasks[task_id], steps, {id_: step.verdict for id_, step in known.items()}
    )
    verdicts = dict(zip(ids, settling, strict=True))
    best, solved = memory.outcome(verdicts)
    stop = StopReason(str(state["stop"]))
    await context.journal.write(
        *(settled(context.run, step.hypothesis, verdicts[step.hypothesis.id]) for step in steps),
        ended(
            context.run,
            task_id,
            stop=stop,
            detail=state.get("detail", ""),
            best=best,
            solved=solved,
            seconds=state.get("seconds", 0.0),
        ),
    )
    for step in steps:
        before, after = step.verdict.outcome, verdicts[step.hypothesis.id].outcome
        if before is not after:
            context.tell(Settled(task_id=task_id, hypothesis=step.hypothesis.id, before=before, outcome=after))
    context.tell(TaskEnded(task_id=task_id, stop=stop, solved=solved, best=best))
    context.sharing.ended(task_id)
    del context.memories[task_id]
    context.flights.pop(task_id, None)
    return {"ended": 1}
