"""Buy one call of a model: the budget is asked first, and the call is written down before it is made.

What another run was answered to the very same request is taken instead, where the run says so: that is no call."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from gristmill.graph.context import Context
from gristmill.graph.events import CallStarted, LeftOut, Unanswered
from gristmill.graph.models.base import Paced
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.records import Reply, Request, StopReason, Tokens
from gristmill.graph.roster import Member
from gristmill.graph.stopping.sharing import Turn
from gristmill.graph.storage.entries import Entry, cached, call_finished, call_started, call_unanswered, left_out
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

    @property
    def spent(self) -> Tokens:
        """What it has cost this run."""
        return Tokens() if self.reused else self.reply.tokens

    def entries(self, run: str, id_: str, *, reasoned: bool = False) -> tuple[Entry, ...]:
        """What is to be stored of the call, with what came of it; nothing of a reply that was there."""
        if self.reused:
            return ()
        finished = call_finished(run, id_, self.attempt, self.reply, started=self.started, reasoned=reasoned)
        return finished, *cached(run, id_, self.attempt, self.reply)


async def buy(
    context: Context, id_: str, request: Request, member: Member, turn: Turn
) -> Bought | StopReason | Another | None:
    """What the model answered, or the budget that refuses the call, or that another is to be asked, or None where
    nobody answers it."""
    if (there := await context.reuse.find(request, member)) is not None:
        return Bought(there.reply, reused=there.source)
    async with _paced(context, request) as given, context.calls:
        if not given:
            return StopReason.SECONDS
        if member.name in context.silence.lost:
            # Given up while this call waited for its turn.
            return ASK_ANOTHER
        refused = turn.refused or context.spending.take_call()
        turn.take()
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
        except (ModelError, ModelSetupError) as error:
            return await _unanswered(context, id_, request, member, attempt, started, error)
        context.silence.answered(member.name)
        context.spending.add(reply.tokens)
    return Bought(reply, attempt, started)


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


async def _unanswered(
    context: Context,
    id_: str,
    request: Request,
    member: Member,
    attempt: int,
    started: float,
    error: ModelError | ModelSetupError,
) -> Another | None:
    """Write down that a call was in vain. One that only the user can mend ends the run, unless there are others."""
    known = member.name in context.silence.lost
    detail = plain(" ".join(str(error).split())[:500])
    if isinstance(error, ModelError):
        await context.journal.write(call_unanswered(context.run, id_, attempt, started=started))
        context.tell(Unanswered(task_id=request.task_id, hypothesis=id_, detail=detail))
        another = context.silence.unanswered(error, member.name)
    else:
        another = context.silence.unanswered(error, member.name)
        await context.journal.write(call_unanswered(context.run, id_, attempt, started=started))
    if not another:
        return None
    context.cut_off[id_] = attempt
    if not known:
        event = LeftOut(model=member.name, detail=detail)
        await context.journal.write(left_out(context.run, event))
        context.tell(event)
    return ASK_ANOTHER
