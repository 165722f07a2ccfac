"""propose: ask the model for this round's hypotheses; what is stored already is not bought again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from gristmill.graph.context import Context, LoopRuntime
from gristmill.graph.events import CallStarted, NodeEntered, Replied, TaskStarted
from gristmill.graph.nodes.identity import encodable, hypothesis_id, prompt_sha
from gristmill.graph.nodes.together import together
from gristmill.graph.records import Hypothesis, Message, Reply, Request, Sampling, Step, StopReason
from gristmill.graph.state import TaskState
from gristmill.graph.storage.entries import call_finished, call_started, replied
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Task

__all__ = ["propose", "request_for"]


async def propose(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """One round of requests, all at once; each reply is stored, then handed to verification, as it arrives."""
    context = runtime.context
    task, round = context.tasks[state["task_id"]], state.get("round", 0)
    context.tell(NodeEntered(node="propose", task_id=task.id, round=round))
    if round == 0:
        context.tell(TaskStarted(task_id=task.id))
    begun = time.monotonic()
    known = await context.pairs(task.id)
    stored = {made.id: (made, verdict) for made, verdict in known}
    steps = {made.id: Step(hypothesis=made, verdict=verdict) for made, verdict in known if verdict is not None}
    refusals: list[StopReason] = []
    prompts: dict[tuple[str, ...], tuple[Message, ...]] = {}

    def prompt(found: tuple[Step, ...]) -> tuple[Message, ...]:
        # Samples that build on the same hypotheses are asked the same.
        ids = tuple(step.hypothesis.id for step in found)
        if ids not in prompts:
            prompts[ids] = context.messages_for(task, profile=context.profile, round=round, parents=found)
        return prompts[ids]

    async def one(sample: int) -> None:
        id_ = hypothesis_id(task.id, round, sample)
        if id_ in stored:
            made, verdict = stored[id_]
            if context.verification.open(made, verdict):
                context.verification.begin(task, made)
            return
        parents = state.get("parents") or []
        found = tuple(steps[parent] for parent in (parents[sample] if parents else []) if parent in steps)
        request = request_for(context, task, round, sample, prompt(found), found)
        answer = await _buy(context, id_, request)
        if isinstance(answer, StopReason):
            refusals.append(answer)
            return
        made = await _keep(context, task, id_, request, answer, found[0].hypothesis.solution if found else None)
        context.verification.begin(task, made)

    await together(one(sample) for sample in range(context.config.search.hypotheses))
    return {
        "round": round,
        "spent": refusals[0].value if refusals else None,
        "seconds": state.get("seconds", 0.0) + time.monotonic() - begun,
    }


def request_for(
    context: Context, task: Task, round: int, sample: int, messages: tuple[Message, ...], parents: Sequence[Step]
) -> Request:
    """What the model is asked for one place of a run: the same whenever it is asked."""
    config = context.config
    return Request(
        task_id=task.id,
        round=round,
        sample=sample,
        messages=messages,
        sampling=Sampling(
            temperature=config.calls.temperature,
            top_p=config.calls.top_p,
            max_tokens=config.calls.max_tokens,
            stop=config.calls.stop,
            seed=context.seed_for(task.id, round, sample),
        ),
        parents=tuple(step.hypothesis.id for step in parents),
    )


async def _buy(context: Context, id_: str, request: Request) -> tuple[int, float, Reply] | StopReason:
    """(attempt, when it was started, reply), or the budget that refuses the call."""
    async with context.calls:
        refused = context.spending.take_call()
        if refused is not None:
            return refused
        attempt, started = context.cut_off.get(id_, 0) + 1, time.time()
        await context.journal.write(call_started(context.run, id_, attempt))
        context.tell(CallStarted(task_id=request.task_id, hypothesis=id_, attempt=attempt))
        try:
            async with asyncio.timeout(context.spending.remaining_seconds()) as bound:
                reply = await context.proposer.propose(request)
        except TimeoutError:
            if bound.expired():
                return StopReason.SECONDS
            raise
    context.spending.add(reply.tokens)
    return attempt, started, reply


async def _keep(
    context: Context,
    task: Task,
    id_: str,
    request: Request,
    answer: tuple[int, float, Reply],
    parent: str | None,
) -> Hypothesis:
    attempt, started, reply = answer
    text = encodable(reply.text)
    found = extract(task, text, parent=parent)
    made = Hypothesis(
        id=id_,
        task_id=task.id,
        round=request.round,
        sample=request.sample,
        text=text,
        solution=found.solution,
        note=f"{found.note}; cut off after {reply.tokens.completion} tokens" if reply.cut else found.note,
        parents=request.parents,
        proposer=context.proposer.name,
        model=reply.model or context.proposer.model,
        adapter=context.proposer.adapter,
        sampling=request.sampling,
        prompt_sha=prompt_sha(request.messages),
        tokens=reply.tokens,
        cut=reply.cut,
    )
    await context.journal.write(
        *replied(context.run, made, request.messages),
        call_finished(context.run, id_, attempt, reply, started=started),
    )
    context.tell(
        Replied(
            task_id=task.id,
            hypothesis=id_,
            usable=made.solution is not None,
            tokens=reply.tokens,
            seconds=reply.seconds,
        )
    )
    return made
