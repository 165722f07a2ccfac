"""verify: wait until every hypothesis of the round has its verdict; most were begun as their replies arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from gristmill.graph.context import Context, LoopRuntime
from gristmill.graph.events import NodeEntered
from gristmill.graph.judging.ordering import Ordering
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.together import together
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import STARTS, Hypothesis
from gristmill.graph.search.history import Place
from gristmill.graph.state import TaskState
from gristmill.verifiers.records import Task

__all__ = ["settle", "verify"]


async def verify(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """Verdicts for all stored hypotheses that have none, or an unscored one; rounds asked for ahead have their turn.

    Where a ranker sets the round in order, what it ranks behind one that reached the target may be left without.
    """
    context = runtime.context
    task, round = context.tasks[state["task_id"]], state["round"]
    context.tell(NodeEntered(node="verify", task_id=task.id, round=round))
    begun = time.monotonic()
    memory = await context.memory(task.id)
    if context.ordering is not None:
        await _in_order(context, task, memory, round, context.ordering)
    else:
        ahead = context.flights.get(task.id, {})
        await settle(context, task, memory, (each for each in memory.waiting.values() if each.round not in ahead))
    return {"seconds": state.get("seconds", 0.0) + time.monotonic() - begun}


async def settle(context: Context, task: Task, memory: TaskMemory, hypotheses: Iterable[Hypothesis]) -> None:
    """Verdicts on these, all at once, known when all are stored; those not begun yet are begun in this order."""
    chosen = list(hypotheses)
    for each in chosen:
        if not context.verification.has_begun(each):
            context.verification.begin(task, each, await memory.precedent(each))
    verdicts = await together(context.verification.finish(task, each) for each in chosen)
    await context.journal.written()
    for each, verdict in zip(chosen, verdicts, strict=True):
        memory.settle(each, verdict)


async def _in_order(context: Context, task: Task, memory: TaskMemory, round: int, ordering: Ordering) -> None:
    """Verdicts on a round as a ranker sets it in order.

    All that decides is the whole round, its rewards and its verdicts: a session that goes on comes to the same parts as
    one that was never cut off. What has no solution takes no judgement, and programs that the task begins with are
    nobody's answer.
    """
    waiting = [each for each in memory.waiting.values() if each.round == round]
    ranked = [each for each in waiting if each.solution is not None and round != STARTS]
    await settle(context, task, memory, [each for each in waiting if each not in ranked])
    if not ranked:
        return
    width = context.config.search.hypotheses
    places = {row.id: row.place for row in memory.rows_of(round)}
    places |= {each.id: Place(round, each.sample, width, each.repairs is not None) for each in ranked}
    open_, tried = {each.id: each for each in ranked}, set[str]()
    profiles = {context.choice.profile(member) for member in context.choice.members}
    prompt = messages_for(task, profile="small" if "small" in profiles else "chat", round=0)
    for part in await ordering.parts(task, prompt, places, ranked):
        await settle(context, task, memory, [open_[id_] for id_ in part if id_ in open_])
        tried.update(part)
        if ordering.first is not None and memory.reached(round, tried):
            break
