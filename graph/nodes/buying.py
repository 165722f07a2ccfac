"""Buy one call of the model: the budget is asked first, and the call is written down before it is made."""

from __future__ import annotations

import asyncio
import time

from gristmill.graph.context import Context
from gristmill.graph.events import CallStarted, Unanswered
from gristmill.graph.models.errors import ModelError
from gristmill.graph.records import Reply, Request, StopReason
from gristmill.graph.stopping.sharing import Turn
from gristmill.graph.storage.entries import call_started, call_unanswered
from gristmill.sandbox.plain import plain

__all__ = ["Bought", "buy"]

Bought = tuple[int, float, Reply]
"""(attempt, when it was started in seconds since the epoch, reply)."""


async def buy(context: Context, id_: str, request: Request, turn: Turn) -> Bought | StopReason | None:
    """What the model answered, or the budget that refuses the call, or None where nobody answers it."""
    async with context.calls:
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
        except ModelError as error:
            await context.journal.write(call_unanswered(context.run, id_, attempt, started=started))
            detail = plain(" ".join(str(error).split())[:500])
            context.tell(Unanswered(task_id=request.task_id, hypothesis=id_, detail=detail))
            context.silence.unanswered(error)
            return None
        context.silence.answered()
        context.spending.add(reply.tokens)
    return attempt, started, reply
