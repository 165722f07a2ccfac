"""propose: ask the model for this round's hypotheses; what is stored already is not bought again."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.graph.context import Context, Flight, LoopRuntime
from gristmill.graph.events import NodeEntered, Replied, TaskStarted
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.asking import Asked
from gristmill.graph.nodes.buying import Bought, buy
from gristmill.graph.nodes.identity import hypothesis_id, prompt_sha
from gristmill.graph.nodes.repair import repair_id, repair_request
from gristmill.graph.nodes.together import together
from gristmill.graph.records import REPAIR, Ground, Hypothesis, Message, Request, Sampling, Step, StopReason
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Place
from gristmill.graph.state import TaskState
from gristmill.graph.stopping.sharing import Turn
from gristmill.graph.storage.entries import cached, call_finished, replied
from gristmill.verifiers.constructions.offering import takes_best
from gristmill.verifiers.extraction.replies import extract, part
from gristmill.verifiers.records import Task

__all__ = ["propose", "request_for"]


async def propose(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """A round of requests, all at once; each reply is stored, then handed to verification, as it arrives.

    With `ahead`, so many of the rounds after it are asked for too: nothing that this round finds decides what they are.
    """
    context = runtime.context
    task = context.tasks[state["task_id"]]
    memory = await context.memory(task.id)
    round = state.get("round", memory.first)
    context.tell(NodeEntered(node="propose", task_id=task.id, round=round))
    if "round" not in state:
        best = memory.whole().best
        context.tell(TaskStarted(task_id=task.id, score=best.score if best else None))
    begun = time.monotonic()
    search = context.config.search
    last = min(round + search.ahead, search.rounds - 1)
    flights = context.flights.setdefault(task.id, {})
    for each in range(round, max(round, last if (until := state.get("until")) is None else min(last, until)) + 1):
        if each not in flights:
            flights[each] = await _take_off(context, task, memory, each)
    await flights[round].work
    refusals = flights.pop(round).refusals
    return {
        "round": round,
        "spent": refusals[0].value if refusals else None,
        "seconds": state.get("seconds", 0.0) + time.monotonic() - begun,
    }


async def _take_off(context: Context, task: Task, memory: TaskMemory, round: int) -> Flight:
    """Plan a round, make its prompts, and begin to ask: all that is known there is read before anything is awaited."""
    plans = memory.plans(round)
    steps = await memory.shown(plans)
    asked = Asked(context, task, memory, round)
    requests = [
        await _request(context, task, memory, asked, memory.place(round, sample), plan, steps)
        for sample, plan in enumerate(plans)
    ]
    refusals: list[StopReason] = []
    work = _round(context, task, memory, round, [*zip(plans, requests, strict=True)], steps, refusals)
    return Flight(asyncio.create_task(work, name=f"ask {task.id}/{round}"), refusals)


async def _request(
    context: Context,
    task: Task,
    memory: TaskMemory,
    asked: Asked,
    place: Place,
    plan: Plan,
    steps: Mapping[str, Step],
) -> Request | None:
    """What is asked for a place; None where its reply is there, and needs no repair."""
    id_ = hypothesis_id(task.id, place.round, place.sample)
    if (id_ in memory.waiting or memory.judged(place)) and id_ not in memory.torn:
        return None
    shown = tuple(steps[each] for each in (*plan.parents, *plan.inspirations))
    ground = Ground(
        task=task,
        operator=plan.operator,
        parents=tuple(steps[each] for each in plan.parents),
        horizon=(memory.horizon(place.round), 0),
        tried=functools.partial(memory.tried, memory.horizon(place.round)),
    )
    return request_for(context, task, place, plan, await asked.prompt(place, plan, shown), ground)


async def _round(
    context: Context,
    task: Task,
    memory: TaskMemory,
    round: int,
    places: Sequence[tuple[Plan, Request | None]],
    steps: Mapping[str, Step],
    refusals: list[StopReason],
) -> None:
    """Ask for each place of a round that has no reply yet, and begin to judge what is there."""

    async def one(sample: int, plan: Plan, request: Request | None) -> None:
        id_ = hypothesis_id(task.id, round, sample)
        for known in [memory.waiting[each] for each in (id_, repair_id(id_)) if each in memory.waiting]:
            context.verification.begin(task, known, await memory.judged_before(known))
        if request is None:
            return
        there = id_ in memory.waiting or memory.judged(memory.place(round, sample))
        parent = steps[plan.parents[0]] if plan.parents else None
        # A reply to a parent's solution may be changes that do not apply: a second call is kept for that.
        may_tear = not there and parent is not None and parent.hypothesis.solution is not None
        async with context.sharing.turn(task.id, spare=may_tear) as turn:
            if not there and not await ask(id_, plan, request, parent, turn):
                return
            if (torn := memory.torn.get(id_)) is not None and parent is not None:
                turn.use_spare()
                await ask(repair_id(id_), plan, repair_request(task, request, torn, parent), parent, turn)

    async def ask(id_: str, plan: Plan, request: Request, parent: Step | None, turn: Turn) -> bool:
        answer = await buy(context, id_, request, turn)
        if answer is None or isinstance(answer, StopReason):
            refusals.extend([answer] if answer else [])
            return False
        hypothesis = await _keep(context, task, id_, request, answer, parent, plan)
        memory.add(hypothesis)
        context.verification.begin(task, hypothesis, await memory.judged_before(hypothesis))
        return True

    if not context.config.search.first_pass:
        await together(one(sample, plan, request) for sample, (plan, request) in enumerate(places))
        return
    # In the order of places: which calls are spared hangs on the verdicts, and not on how fast they came.
    for sample, (plan, request) in enumerate(places):
        if memory.reached(round) or refusals:
            break
        await one(sample, plan, request)
        for hypothesis in list(memory.waiting.values()):
            memory.settle(hypothesis, await context.verification.finish(task, hypothesis))


def request_for(
    context: Context,
    task: Task,
    place: Place,
    plan: Plan,
    messages: tuple[Message, ...],
    ground: Ground | None = None,
) -> Request:
    """What the model is asked for one place of a run: the same whenever it is asked."""
    calls = context.config.calls
    return Request(
        task_id=task.id,
        round=place.round,
        sample=place.sample,
        messages=messages,
        sampling=Sampling(
            temperature=calls.temperature if plan.temperature is None else plan.temperature,
            top_p=calls.top_p,
            max_tokens=calls.longest(context.profile),
            stop=calls.stop,
            seed=context.seed_for(task.id, place.round, place.sample),
        ),
        parents=plan.parents,
        ground=ground,
    )


async def _keep(
    context: Context,
    task: Task,
    id_: str,
    request: Request,
    answer: Bought,
    parent: Step | None,
    plan: Plan,
) -> Hypothesis:
    attempt, started, reply = answer
    # Reading takes a bounded time, and yet other tasks need not wait for it.
    thought, said = await asyncio.to_thread(part, task, reply.text)
    reasoning = "\n".join(each for each in (reply.reasoning, thought) if each)
    base, handed_on = (parent.hypothesis.solution, parent.handed_on) if parent is not None else (None, None)
    extraction = await asyncio.to_thread(extract, task, said, parent=base)
    reasoned = bool(reasoning) and not said.strip()
    note = "reasoning only, without an answer" if reasoned else extraction.note
    if reply.cut:
        note = f"{note}; cut off after {reply.tokens.completion} tokens"
        note = f"{note}, for which --max-tokens is too small" if reasoned else note
    hypothesis = Hypothesis(
        id=id_,
        task_id=task.id,
        round=request.round,
        sample=request.sample,
        text=said,
        reasoning=reasoning,
        solution=extraction.solution,
        note=note,
        parents=request.parents,
        repairs=id_.removesuffix(REPAIR) if id_.endswith(REPAIR) else None,
        best=handed_on if handed_on and takes_best(task, extraction.solution) else None,
        operator=plan.operator,
        by=plan.by,
        island=plan.island,
        proposer=context.proposer.name,
        model=reply.model or context.proposer.model,
        adapter=context.proposer.adapter,
        sampling=request.sampling,
        prompt_sha=prompt_sha(request.messages),
        tokens=reply.tokens,
        cut=reply.cut,
    )
    await context.journal.write(
        *replied(context.run, hypothesis, request.messages),
        call_finished(context.run, id_, attempt, reply, started=started, reasoned=reasoned),
        *cached(context.run, id_, attempt, reply),
    )
    context.tell(
        Replied(
            task_id=task.id,
            hypothesis=id_,
            usable=hypothesis.solution is not None,
            tokens=reply.tokens,
            seconds=reply.seconds,
        )
    )
    return hypothesis
