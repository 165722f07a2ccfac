"""record: run together what a judge process decided, now that no model is asked any more, look once more at the best,
and close the trajectory."""

from __future__ import annotations

from typing import Any

from gristmill.graph.context import Context, LoopRuntime
from gristmill.graph.events import NodeEntered, Settled, TaskEnded
from gristmill.graph.judging.closing import closes, most_finalists
from gristmill.graph.memory import TaskMemory
from gristmill.graph.records import Step, StopReason
from gristmill.graph.search.rows import finalists, outcome
from gristmill.graph.state import TaskState
from gristmill.graph.storage.entries import CLOSING, Entry, document, ended, settled
from gristmill.graph.summary import Closing
from gristmill.verifiers.records import Verdict

__all__ = ["record"]


async def record(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Settle the task's verdicts, and write down why the loop ended and which hypothesis is the best of all.

    Both at once: a run that is cut off before has all of it still to do, and finds the verdicts that it has decided on.
    A task whose best could not be looked at once more has not ended: a resume tries that again, and asks no model.
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
    closing, looked_at = await _close(context, task_id, memory, verdicts)
    steps += looked_at
    best, solved = outcome(memory.rows(), verdicts)
    best = (closing.winner if closing else None) or best
    stop = StopReason(str(state["stop"]))
    done: list[Entry] = [settled(context.run, step.hypothesis, verdicts[step.hypothesis.id]) for step in steps]
    if closing is not None:
        done.append(document(CLOSING, context.run, task_id, closing))
    if closing is None or not closing.trouble:
        detail, seconds = state.get("detail", ""), state.get("seconds", 0.0)
        done.append(ended(context.run, task_id, stop=stop, detail=detail, best=best, solved=solved, seconds=seconds))
    await context.journal.write(*done)
    for step in steps:
        before, after = step.verdict.outcome, verdicts[step.hypothesis.id].outcome
        if before is not after:
            context.tell(Settled(task_id=task_id, hypothesis=step.hypothesis.id, before=before, outcome=after))
    if closing is None or not closing.trouble:
        context.tell(TaskEnded(task_id=task_id, stop=stop, solved=solved, best=best))
    context.sharing.ended(task_id)
    del context.memories[task_id]
    context.flights.pop(task_id, None)
    return {"ended": 1}


async def _close(
    context: Context, task_id: str, memory: TaskMemory, verdicts: dict[str, Verdict]
) -> tuple[Closing | None, list[Step]]:
    """Look once more at the best of a task with graded scores: its record, and the steps whose `verdicts` it made."""
    task = context.tasks[task_id]
    if context.closings is None or not closes(task):
        return None, []
    ids = finalists(memory.rows(), verdicts, most_finalists(task))
    if not ids:
        return None, []
    by_id = await context.read(lambda: context.store.steps_of(context.run, ids))
    closing, found = await context.closings.close(task, [by_id[id_] for id_ in ids])
    verdicts |= found
    return closing, [by_id[id_] for id_ in found]
