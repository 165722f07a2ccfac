"""What a model writes down after a round, bought like any other call and never twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gristmill.graph.amounts import NOTHING, Amount
from gristmill.graph.context import Context
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.buying import ASK_ANOTHER, buy
from gristmill.graph.nodes.identity import instruction_id, lesson_id
from gristmill.graph.prompts.instructions import instructed, instruction_of, messages_for_instruction
from gristmill.graph.prompts.lessons import lesson_of, messages_for_lesson
from gristmill.graph.records import Message, Request, StopReason, Tokens
from gristmill.graph.storage.entries import Entry
from gristmill.verifiers.extraction.replies import part
from gristmill.verifiers.records import Task

__all__ = ["Written", "instructed_by", "learned"]


class Written(NamedTuple):
    """What a model wrote after a round, what it took and was charged, and what is to be stored with it.

    `text` is None where none is wanted (small models, independent samples) or a budget refuses the call; empty where
    the model did not answer.
    """

    text: str | None
    tokens: Tokens = Tokens()
    charged: Amount = NOTHING
    entries: tuple[Entry, ...] = ()


async def learned(context: Context, memory: TaskMemory, task: Task, round: int) -> Written:
    """The lesson of a round; one that is stored already is not bought again."""
    known = memory.lesson(round)
    if known is not None or not context.config.prompts.lessons or not _writes(context):
        return Written(known)
    rows, steps = await memory.of_round(round)
    if not rows:
        return Written(None)
    before = next((lesson for of in range(round - 1, -1, -1) if (lesson := memory.lesson(of))), "")
    messages = messages_for_lesson(task, rows, steps, before)
    return await _written(context, task, round, 0, lesson_id(task.id, round), messages, lesson_of)


async def instructed_by(context: Context, memory: TaskMemory, task: Task, round: int) -> Written:
    """The instruction that is written after a round in which the best has not become better, once all that there are
    were tried; one that is stored already is not bought again."""
    known = memory.instruction(round)
    if known is not None or not context.config.prompts.instructions or not _writes(context):
        return Written(known)
    past = memory.before(round + 1)
    living, brought = memory.living(past, round + 1), instructed(past)
    if not past.standing(round).stale or not brought.all_tried([*living]):
        return Written(None)
    rows, steps = await memory.of_round(round)
    if not rows:
        return Written(None)
    messages = messages_for_instruction(task, rows, steps, living, brought)
    return await _written(context, task, round, 1, instruction_id(task.id, round), messages, instruction_of)


def _writes(context: Context) -> bool:
    return context.messages_for is None and context.config.search.strategy != "best_of"


async def _written(
    context: Context,
    task: Task,
    round: int,
    number: int,
    id_: str,
    messages: tuple[Message, ...],
    kept: Callable[[str], str],
) -> Written:
    # Behind the round's last sample: a place of its own, for its seed and in recordings.
    sample = context.config.search.hypotheses + number
    while True:
        member = context.choice.of(task, round, sample, able=True)
        if member is None:
            return Written(None)
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
        return Written("")
    if isinstance(bought, StopReason):
        return Written(None)
    _, said = part(task, bought.reply.text)
    where = () if bought.reused else context.reuse.entries(id_, request, member, bought.reply)
    return Written(kept(said), bought.spent, bought.charged, (*bought.entries(context.run, id_), *where))
