"""What a model writes down after a round, bought like any other call and never twice."""

from __future__ import annotations

from gristmill.graph.amounts import NOTHING, Amount
from gristmill.graph.context import Context
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.buying import ASK_ANOTHER, buy
from gristmill.graph.nodes.identity import lesson_id
from gristmill.graph.prompts.lessons import lesson_of, messages_for_lesson
from gristmill.graph.records import Request, StopReason, Tokens
from gristmill.graph.storage.entries import Entry
from gristmill.verifiers.extraction.replies import part
from gristmill.verifiers.records import Task

__all__ = ["learned"]


async def learned(
    context: Context, memory: TaskMemory, task: Task, round: int
) -> tuple[str | None, Tokens, Amount, tuple[Entry, ...]]:
    """The lesson of a round, what it took and what it was charged, and what is to be stored with it.

    None where none is wanted (small models, independent samples) or a budget refuses the call; empty where the model
    did not answer. One that is stored already is not bought again.
    """
    config, known = context.config, memory.lesson(round)
    if (
        known is not None
        or context.messages_for is not None
        or not config.prompts.lessons
        or config.search.strategy == "best_of"
    ):
        return known, Tokens(), NOTHING, ()
    rows, steps = await memory.of_round(round)
    if not rows:
        return None, Tokens(), NOTHING, ()
    before = next((lesson for of in range(round - 1, -1, -1) if (lesson := memory.lesson(of))), "")
    # Behind the round's last sample: a place of its own, for its seed and in recordings.
    sample = config.search.hypotheses
    id_, messages = lesson_id(task.id, round), messages_for_lesson(task, rows, steps, before)
    while True:
        member = context.choice.of(task, round, sample, able=True)
        if member is None:
            return None, Tokens(), NOTHING, ()
        request = Request(
            task_id=task.id,
            round=round,
            sample=sample,
            messages=messages,
            sampling=context.choice.sampling(member, None, context.seed_for(task.id, round, sample)),
            model=context.choice.name(member),
        )
        async with context.sharing.turn(task.id) as turn:
            bought = await buy(context, id_, request, member, turn)
        if bought is not ASK_ANOTHER:
            break
    if bought is None:
        return "", Tokens(), NOTHING, ()
    if isinstance(bought, StopReason):
        return None, Tokens(), NOTHING, ()
    _, said = part(task, bought.reply.text)
    where = () if bought.reused else context.reuse.entries(id_, request, member, bought.reply)
    return lesson_of(said), bought.spent, bought.charged, (*bought.entries(context.run, id_), *where)
