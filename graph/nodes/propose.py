"""propose: ask the model for this round's hypotheses; what is stored already is not bought again."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from gristmill.graph.amounts import dollars
from gristmill.graph.context import Context, Flight, LoopRuntime
from gristmill.graph.events import NodeEntered, Replied, TaskStarted
from gristmill.graph.memory import TaskMemory
from gristmill.graph.nodes.asking import RoundPrompts, is_told
from gristmill.graph.nodes.buying import ASK_ANOTHER, Bought, buy
from gristmill.graph.nodes.identity import hypothesis_id, prompt_sha
from gristmill.graph.nodes.repair import repair_id, repair_request
from gristmill.graph.nodes.starting import lay_starts
from gristmill.graph.nodes.together import together
from gristmill.graph.nodes.verify import settle
from gristmill.graph.records import REPAIR, STARTS, Ground, Hypothesis, Message, Request, Step, StopReason
from gristmill.graph.roster import Member
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Place
from gristmill.graph.state import TaskState
from gristmill.graph.stopping.sharing import Turn
from gristmill.graph.storage.entries import replied
from gristmill.verifiers.constructions.offering import takes_best
from gristmill.verifiers.extraction.replies import Extraction, extract, part
from gristmill.verifiers.judging import TRAINED
from gristmill.verifiers.records import Courses, Task

__all__ = ["propose", "request_for"]

T = TypeVar("T")

_Asked = tuple[Member, Request]


async def propose(state: TaskState, runtime: LoopRuntime) -> dict[str, Any]:
    """A round of requests, all at once; each reply is stored, then handed to verification, as it arrives.

    Before the first one, the programs that the task begins with are laid down instead, and nobody is asked.
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
    if round == STARTS:
        await lay_starts(context, task, memory)
        return {"round": round, "spent": None, "seconds": time.monotonic() - begun}
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
    best = memory.known(round).best if context.config.search.halving and task.kind in TRAINED else None
    steps = await memory.shown_steps(plans, *([best.id] if best else []))
    bar = steps[best.id].verdict.courses if best else ()
    prompts = RoundPrompts(context, task, memory, round)

    async def make(sample: int, plan: Plan) -> _Asked | None:
        return await _request(context, task, memory, prompts, memory.place(round, sample), plan, steps)

    requests = [await make(sample, plan) for sample, plan in enumerate(plans)]
    refusals: list[StopReason] = []
    work = _round(context, task, memory, round, [*zip(plans, requests, strict=True)], steps, bar, refusals, make)
    return Flight(asyncio.create_task(work, name=f"ask {task.id}/{round}"), refusals)


async def _request(
    context: Context,
    task: Task,
    memory: TaskMemory,
    prompts: RoundPrompts,
    place: Place,
    plan: Plan,
    steps: Mapping[str, Step],
) -> _Asked | None:
    """What is asked for a place, and whom; None where its reply is there, and needs no repair."""
    id_ = hypothesis_id(task.id, place.round, place.sample)
    there = id_ in memory.waiting or memory.judged(place)
    if there and id_ not in memory.torn:
        return None
    # Who has torn a reply mends it.
    wanted = memory.torn[id_].asked or None if there else plan.model
    member = context.choice.of(task, place.round, place.sample, wanted)
    assert member is not None
    shown = tuple(steps[each] for each in (*plan.parents, *plan.inspirations))
    parent = steps[plan.parents[0]] if plan.parents else None
    ground = Ground(
        task=task,
        operator=plan.operator,
        parents=tuple(steps[each] for each in plan.parents),
        horizon=(memory.horizon(place.round), 0),
        tried=functools.partial(memory.steps_before, memory.horizon(place.round)),
        known=None if plan.operator == "again" else functools.partial(memory.was_there, place, parent),
    )
    messages = await prompts.prompt(place, plan, shown, member)
    return member, request_for(context, task, place, plan, messages, member, ground)


async def _round(
    context: Context,
    task: Task,
    memory: TaskMemory,
    round: int,
    places: Sequence[tuple[Plan, _Asked | None]],
    steps: Mapping[str, Step],
    bar: Courses,
    refusals: list[StopReason],
    make: Callable[[int, Plan], Awaitable[_Asked | None]],
) -> None:
    """Ask for each place of a round that has no reply yet, and begin to judge what is there.

    Where a model is left out meanwhile, `make` says what another is asked instead.
    """

    async def one(sample: int, plan: Plan, asked: _Asked | None) -> None:
        id_ = hypothesis_id(task.id, round, sample)
        for known in [memory.waiting[each] for each in (id_, repair_id(id_)) if each in memory.waiting]:
            context.begin(task, known, await memory.precedent(known))
        if asked is None:
            return
        member, request = asked
        there = id_ in memory.waiting or memory.judged(memory.place(round, sample))
        parent = steps[plan.parents[0]] if plan.parents else None
        # A reply to a parent's solution may be changes that do not apply: a second call is kept for that.
        may_tear = not there and parent is not None and parent.hypothesis.solution is not None
        while True:
            async with context.sharing.turn(task.id, spare=may_tear and not there) as turn:
                answered = there or await ask(id_, plan, request, member, parent, turn)
                if answered and (torn := memory.torn.get(id_)) is not None and parent is not None:
                    turn.use_spare()
                    there, mended = True, repair_request(task, request, torn, parent)
                    answered = await ask(repair_id(id_), plan, mended, member, parent, turn)
            if answered is not None or (other := await make(sample, plan)) is None:
                return
            member, request = other

    async def ask(
        id_: str, plan: Plan, request: Request, member: Member, parent: Step | None, turn: Turn
    ) -> bool | None:
        """Whether there is a reply now; None where another model is to be asked."""
        answer = await buy(context, id_, request, member, turn)
        if answer is ASK_ANOTHER:
            return None
        if answer is None or isinstance(answer, StopReason):
            refusals.extend([answer] if answer else [])
            return False
        hypothesis = await _whole(_keep(context, task, memory, id_, request, member, answer, parent, plan, bar))
        memory.add(hypothesis)
        context.begin(task, hypothesis, await memory.precedent(hypothesis))
        return True

    if not context.config.search.first_pass:
        await together(one(sample, plan, request) for sample, (plan, request) in enumerate(places))
        return
    # In the order of places: which calls are spared hangs on the verdicts, and not on how fast they came.
    for sample, (plan, request) in enumerate(places):
        if memory.reached(round) or refusals:
            break
        await one(sample, plan, request)
        await settle(context, task, memory, memory.waiting.values())


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that is done to its end also where nobody waits for it any more: what was bought is stored."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # Whoever cancels may do so again meanwhile, as a graph does whose node has failed beside.
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: else asyncio prints what whoever cancelled us tells, a full disk say
        raise


def request_for(
    context: Context,
    task: Task,
    place: Place,
    plan: Plan,
    messages: tuple[Message, ...],
    member: Member,
    ground: Ground | None = None,
) -> Request:
    """What a model is asked for one place of a run: the same whenever it is asked."""
    seed = context.seed_for(task.id, place.round, place.sample)
    return Request(
        task_id=task.id,
        round=place.round,
        sample=place.sample,
        messages=messages,
        sampling=context.choice.sampling(member, plan.temperature, seed, stop=context.config.calls.stop),
        model=context.choice.name(member),
        parents=plan.parents,
        ground=ground,
    )


async def _keep(
    context: Context,
    task: Task,
    memory: TaskMemory,
    id_: str,
    request: Request,
    member: Member,
    answer: Bought,
    parent: Step | None,
    plan: Plan,
    bar: Courses,
) -> Hypothesis:
    reply, proposer = answer.reply, context.choice.proposer(member)
    base, handed_on = (parent.hypothesis.solution, parent.handed_on) if parent is not None else (None, None)

    def read() -> tuple[str, str, Extraction, str | None]:
        thought, said = part(task, reply.text)
        extraction = extract(task, said, parent=base)
        best = handed_on if handed_on and takes_best(task, extraction.solution) else None
        if extraction.solution is not None:
            memory.precedents.compare(id_, extraction.solution, best)
        return thought, said, extraction, best

    # Reading takes a bounded time, and yet other tasks need not wait for it.
    thought, said, extraction, best = await asyncio.to_thread(read)
    reasoning = "\n".join(each for each in (reply.reasoning, thought) if each)
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
        best=best,
        bar=bar,
        operator=plan.operator,
        by=plan.by,
        island=plan.island,
        instruction=plan.instruction if is_told(context, plan, member) else "",
        asked=request.model or "",
        reused=answer.reused,
        proposer=proposer.name,
        model=reply.model or proposer.model,
        adapter=proposer.adapter,
        sampling=request.sampling,
        prompt_sha=prompt_sha(request.messages),
        tokens=reply.tokens,
        cut=reply.cut,
    )
    await context.journal.write(
        *replied(context.run, hypothesis, request.messages),
        *answer.entries(context.run, id_, reasoned=reasoned),
        *(() if answer.reused else context.reuse.entries(id_, request, member)),
    )
    context.tell(
        Replied(
            task_id=task.id,
            hypothesis=id_,
            usable=hypothesis.solution is not None,
            tokens=answer.spent,
            counted=answer.charged.tokens,
            money=dollars(answer.charged.money),
            seconds=reply.seconds,
        )
    )
    return hypothesis
