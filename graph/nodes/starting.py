"""Before a task's first round: the programs that it begins with become its first hypotheses, without any call."""

from __future__ import annotations

from gristmill.graph.context import Context
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.identity import prompt_sha, start_id
from gristmill.graph.records import STARTS, Hypothesis, Sampling
from gristmill.graph.storage.entries import replied
from gristmill.verifiers.extraction.forms.starting import START, starts
from gristmill.verifiers.records import Task

__all__ = ["lay_starts"]


async def lay_starts(context: Context, task: Task, memory: TaskMemory) -> None:
    """Store each program that is not stored yet, and begin to judge those without a verdict."""
    for number, source in enumerate(starts(task)):
        id_ = start_id(task.id, number)
        hypothesis = memory.waiting.get(id_)
        if hypothesis is None and not memory.judged(memory.place(STARTS, number)):
            hypothesis = _given(task, id_, number, source)
            await context.journal.write(*replied(context.run, hypothesis, ()))
            memory.add(hypothesis)
        if hypothesis is not None:
            context.verification.begin(task, hypothesis)


def _given(task: Task, id_: str, number: int, source: str) -> Hypothesis:
    return Hypothesis(
        id=id_,
        task_id=task.id,
        round=STARTS,
        sample=number,
        text=source,
        solution=source,
        note="what the task begins with",
        operator=START,
        proposer=START,
        model="task",
        sampling=Sampling(),
        prompt_sha=prompt_sha(()),
    )
