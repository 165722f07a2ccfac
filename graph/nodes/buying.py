"""Buy one call of a model: the most that it may cost is held first, and written down with it before it is made.

What another run was answered to the very same request is taken instead, where the run says so: that is no call."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from gristmill.graph.amounts import NOTHING, Amount, dollars
from gristmill.graph.context import Context
from gristmill.graph.events import CallStarted, LeftOut, Unanswered
from gristmill.graph.models.base import Paced
from gristmill.graph.models.errors import ModelError, ModelSetupError, NoRoomError
from gristmill.graph.models.prices import most_tokens
from gristmill.graph.records import Reply, Request, StopReason, Tokens, Tries
from gristmill.graph.roster import Member
from gristmill.graph.stopping.metering import Meter
from gristmill.graph.stopping.sharing import Turn
from gristmill.graph.storage.entries import (
    Entry,
    cached,
    call_finished,
    call_grown,
    call_started,
    call_unanswered,
    left_out,
)
from gristmill.sandbox.plain import plain

__all__ = ["ASK_ANOTHER", "Bought", "buy"]


class Another(enum.Enum):
    """The model that was asked is left out from now on."""

    ASK = enum.auto()


ASK_ANOTHER = Another.ASK


class Bought(NamedTuple):
    """A reply: of a call, the `attempt`-th for its place, `started` in seconds since the epoch; or of an earlier run,
    whose hypothesis `reused` names."""

    reply: Reply
    attempt: int = 0
    started: float = 0.0
    reused: str = ""
    charged: Amount = NOTHING

    @property
    def spent(self) -> Tokens:
        """What it has cost this run."""
        return Tokens() if self.reused else self.reply.tokens

    def entries(self, run: str, id_: str, *, reasoned: bool = False) -> tuple[Entry, ...]:
        """What is to be stored of the call, with what came of it; nothing of a reply that was there."""
        if self.reused:
            return ()
        finished = call_finished(
            run, id_, self.attempt, self.reply, started=self.started, spent=self.charged, reasoned=reasoned
        )
        return finished, *cached(run, id_, self.attempt, self.reply)


async def buy(
    context: Context, id_: str, request: Request, member: Member, turn: Turn
) -> Bought | StopReason | Another | None:
    """What the model answered, or the budget that refuses the call, or that another is to be asked, or None where
    nobody answers it."""
    if (there := await context.reuse.find(request, member)) is not None:
        return Bought(there.reply, reused=there.source)
    account = _Account(context, id_, request, member)
    refused = turn.refused or await account.meter.reserve()
    turn.take()
    if refused is not None:
        return refused
    try:
        async with _paced(context, account.request) as given, context.calls:
            if not given:
                return StopReason.SECONDS
            if member.name in context.silence.lost:
                # Given up while this call waited for its turn.
                return ASK_ANOTHER
            if (why := context.beyond.get(member.name)) is not None:
                return await _distrust(context, member, why)
            return await account.buy()
    finally:
        account.meter.release()
        account.meter.close()


class _Account:
    """One call, and what it takes."""

    def __init__(self, context: Context, id_: str, request: Request, member: Member) -> None:
        self._context, self._id, self._member = context, id_, member
        most = most_tokens(context.choice.proposer(member), request, {**context.config.calls.request, **member.request})
        self.meter = Meter(context.spending, most, context.prices.of.get(member.name), self._grown)
        told = functools.partial(context.outlasted.note, member.name)
        tries = Tries(again=self.meter.again, over=self._over, trouble=told)
        self.request = request.model_copy(update={"tries": tries})
        self._attempt, self._started, self._told = context.cut_off.get(id_, 0) + 1, 0.0, False

    async def buy(self) -> Bought | StopReason | Another | None:
        """Make the call; as `buy`."""
        context, id_, request = self._context, self._id, self.request
        self._started = time.time()
        self.meter.made()
        await context.journal.write(call_started(context.run, id_, self._attempt, self.meter.counted))
        context.tell(CallStarted(task_id=request.task_id, hypothesis=id_, attempt=self._attempt))
        try:
            async with asyncio.timeout(context.spending.remaining_seconds()) as bound:
                reply = await context.proposer.propose(request)
        except TimeoutError:
            if bound.expired():
                return StopReason.SECONDS
            raise
        except (ModelError, ModelSetupError) as error:
            self.meter.close()
            return await self._unanswered(error)
        context.silence.answered(self._member.name)
        if not self._told:
            # It does not tell of single tries.
            self.meter.over(reply.tokens)
        self.meter.close()
        self._trust()
        return Bought(reply, self._attempt, self._started, charged=self.meter.charged)

    async def _grown(self, most: Amount) -> None:
        context = self._context
        await context.journal.write(call_grown(context.run, self._id, self._attempt, most, started=self._started))

    def _over(self, tokens: Tokens | None) -> None:
        self._told = True
        self.meter.over(tokens)

    def _trust(self) -> None:
        """Ask a model no more that tells of more than was asked for, where a budget has to hold."""
        beyond, name = self.meter.beyond, self._member.name
        if self._told and beyond != Tokens() and self._context.spending.metered:
            most = self.meter.most
            self._context.beyond[name] = (
                f"{name} tells of {most.prompt + beyond.prompt} tokens of a prompt and "
                f"{most.completion + beyond.completion} of an answer, where {most.prompt} and {most.completion} are "
                "the most that was asked for: it does not keep to max_tokens, or lies, and no budget of tokens or "
                "money can be held with it. Bound the run by --calls, or ask another server"
            )

    async def _unanswered(self, error: ModelError | ModelSetupError) -> StopReason | Another | None:
        """Write down that a call was in vain. One that only the user can mend ends the run, unless there are others."""
        context, id_, spent = self._context, self._id, self.meter.charged
        entry = call_unanswered(context.run, id_, self._attempt, started=self._started, spent=spent)
        detail = plain(" ".join(str(error).split())[:500])
        event = Unanswered(
            task_id=self.request.task_id,
            hypothesis=id_,
            detail=detail,
            counted=spent.tokens,
            money=dollars(spent.money),
        )
        if isinstance(error, NoRoomError):
            await context.journal.write(entry)
            context.tell(event)
            context.cut_off[id_] = self._attempt
            return self.meter.refused
        known = self._member.name in context.silence.lost
        if isinstance(error, ModelError):
            await context.journal.write(entry)
            context.tell(event)
        else:
            # Whether this is a call in vain or one that ends the run is known next; what it has cost, by now.
            grown = call_grown(context.run, id_, self._attempt, spent, started=self._started)
            await context.journal.write(grown)
        another = context.silence.unanswered(error, self._member.name)
        if not isinstance(error, ModelError):
            await context.journal.write(entry)
        if not another:
            return None
        context.cut_off[id_] = self._attempt
        if not known:
            await _leave_out(context, self._member, detail)
        return ASK_ANOTHER


async def _distrust(context: Context, member: Member, why: str) -> Another:
    """Ask somebody else than a member whose word does not hold.

    Raises:
        ModelSetupError: there is nobody else.
    """
    known = member.name in context.silence.lost
    context.silence.unanswered(ModelSetupError(why), member.name)
    if not known:
        await _leave_out(context, member, why)
    return ASK_ANOTHER


async def _leave_out(context: Context, member: Member, detail: str) -> None:
    event = LeftOut(model=member.name, detail=detail)
    await context.journal.write(left_out(context.run, event))
    context.tell(event)


@contextlib.asynccontextmanager
async def _paced(context: Context, request: Request) -> AsyncIterator[bool]:
    """Wait for the limits of the model before anything is taken for the call; whether there was time for that."""
    async with contextlib.AsyncExitStack() as held:
        try:
            async with asyncio.timeout(context.spending.remaining_seconds()) as bound:
                if isinstance(context.proposer, Paced):
                    await held.enter_async_context(context.proposer.turn(request))
        except TimeoutError:
            if not bound.expired():
                raise
            yield False
            return
        yield True
