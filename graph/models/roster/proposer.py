"""Several models behind one proposer: each request goes to the one that it names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Self

from gristmill.graph.models.base import Proposer, Waiting, context_of, reads_prompts
from gristmill.graph.models.errors import ModelError, ModelSetupError, UnknownModelError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.roster.pace import Pace, Reservation
from gristmill.graph.prompts.tokens import tokens
from gristmill.graph.records import Reply, Request
from gristmill.graph.roster import Limits, Member, drawn

__all__ = ["RosterProposer", "proposer_of"]

_TOLD = 2.0
"""Seconds that a call has waited before that is told."""
_WITHOUT_FIELDS = ("local", "mutate", "tune", "replay", "mailbox")
"""Forms that take no further fields of a request: those of the run are for the others."""


def proposer_of(
    members: Sequence[Member], options: ModelOptions | None = None, *, left_out: Collection[str] = ()
) -> Proposer:
    """The proposer of a run: of one model without limits that itself, else a roster; as `resolve` raises."""
    only = members[0]
    if len(members) == 1 and only == Member(model=only.model, adapter=only.adapter, price=only.price):
        return resolve(only.model, adapter=only.adapter, options=options)
    return RosterProposer(members, options, left_out=left_out)


class RosterProposer:
    """Entered once, it enters all of its members; a request goes to the one that it names.

    One that names none goes to whom a draw by weight gives, by the request's seed, task and place. Limits hold for all
    calls through this proposer: whoever asks many at once may wait by `turn`, before it takes anything else for them.

    Args:
        members: who may be asked; names differ.
        options: how to reach them all; fields of requests are those of each member beside these.
        left_out: names of members that are not entered, as they were given up.
        proposers: by name, instead of those that the model strings name.

    Raises:
        UnknownModelError, ModelSetupError: as `resolve`, with the member named.
    """

    name = "roster"
    adapter: str | None = None

    def __init__(
        self,
        members: Sequence[Member],
        options: ModelOptions | None = None,
        *,
        left_out: Collection[str] = (),
        proposers: dict[str, Proposer] | None = None,
    ) -> None:
        self.members = tuple(members)
        self.model = ", ".join(each.name for each in members)
        options = options or ModelOptions()
        self._proposers = proposers or {each.name: _resolved(each, options) for each in members}
        self._pace = {each.name: Pace(each.limits) for each in members if each.limits != Limits()}
        self._left_out = frozenset(left_out)
        self._turns: dict[int, Reservation] = {}
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opened:
            for name, proposer in self._proposers.items():
                if name not in self._left_out:
                    await opened.enter_async_context(proposer)
            self._open = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

    @property
    def reads_prompts(self) -> bool:
        """Whether any member does."""
        return any(map(reads_prompts, self._proposers.values()))

    @property
    def context(self) -> int | None:
        """The least that a member says: all are told of the same attempts."""
        said = (context_of(each) for name, each in self._proposers.items() if name not in self._left_out)
        return min((each for each in said if each is not None), default=None)

    def member(self, name: str) -> Proposer:
        """The member of that name; KeyError where there is none."""
        return self._proposers[name]

    def waiting(self) -> str:
        """What members wait for, and which of them has calls waiting for its limits."""
        said = [each.waiting() for each in self._proposers.values() if isinstance(each, Waiting)]
        for name, pace in self._pace.items():
            count, seconds = pace.waits()
            if count and seconds >= _TOLD:
                said.append(f"{count} call{'s' if count > 1 else ''} for {name} wait for its limits")
        return "; ".join(filter(None, said))

    @contextlib.asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """Wait until the limits of the member that the request names allow it."""
        pace = self._pace.get(self._name(request))
        if pace is None or id(request) in self._turns:
            yield
            return
        most = sum(tokens(message.content) for message in request.messages) + request.sampling.max_tokens
        async with pace.turn(most) as taken:
            self._turns[id(request)] = taken
            try:
                yield
            finally:
                del self._turns[id(request)]

    async def propose(self, request: Request) -> Reply:
        """The member's reply.

        Raises:
            ModelError: it did not answer.
        """
        name = self._name(request)
        if name not in self._proposers:
            raise ModelError(f"{name!r} is none of the models {self.model}")
        async with self.turn(request):
            reply = await self._proposers[name].propose(request)
            if (taken := self._turns.get(id(request))) is not None:
                taken.tokens = reply.tokens.prompt + reply.tokens.completion
            return reply

    def _name(self, request: Request) -> str:
        if request.model is not None:
            return request.model
        members = [each for each in self.members if each.name not in self._left_out]
        return drawn(members, request.sampling.seed or 0, request.task_id, request.round, request.sample).name


def _resolved(member: Member, options: ModelOptions) -> Proposer:
    shared = {} if member.model.partition(":")[0] in _WITHOUT_FIELDS else options.request
    own = options.model_copy(update={"request": {**shared, **member.request}})
    try:
        return resolve(member.model, adapter=member.adapter, options=own)
    except (UnknownModelError, ModelSetupError) as error:
        raise type(error)(f"{member.name}: {error}") from error
