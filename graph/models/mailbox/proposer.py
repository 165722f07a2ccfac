"""A run's side of the mailbox: requests go into the store, and answers are looked for there."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.mailbox.box import FORM, Mailbox
from gristmill.graph.models.mailbox.records import Answer, Slip
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.records import Message, Reply, Request, Tokens
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import Location, option_for

__all__ = ["MailboxProposer"]

_EVERY = 0.25
"""Seconds between looks into the store."""


@dataclass
class _Waiting:
    """A call that waits: `since` is its own clock's time of asking, `read` how often it was given out."""

    request: Request
    answer: asyncio.Future[Answer]
    since: float
    read: int = 0


class MailboxProposer:
    """Waits for answers that somebody gives by `gristmill answer`, or by `Mailbox.answer` in Python.

    An answer that was given while no run was alive is there when the run asks again. A call is given up when for
    `ModelOptions.timeout_seconds` nobody has read or answered anything of the run, and nobody has its request.

    Args:
        workspace: where the run is stored, as for `Store.open`.
        run: its name.
        options: `timeout_seconds` is read.
    """

    name = model = FORM
    adapter: str | None = None

    def __init__(self, workspace: Location, run: str, *, options: ModelOptions | None = None) -> None:
        self._workspace = workspace
        self._run = run
        self._timeout = (options or ModelOptions()).timeout_seconds
        self._store: Store | None = None
        self._stale: Mapping[tuple[str, int, int], set[str]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._sign = 0.0  # when somebody was last seen to read or answer
        self._asking = asyncio.Lock()
        self._came = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._store = await asyncio.to_thread(Store.open, self._workspace)
        self._stale = await asyncio.to_thread(Mailbox(self._store).open_places, self._run)
        self._looking = asyncio.create_task(self._look(), name=f"mailbox of {self._run}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        if self._store is not None:
            self._store.close()
            self._store = None

    def waiting(self) -> str:
        """How many requests wait, and what to do about it; empty where none does."""
        count = len(self._waiting)
        return f"{count} wait{'' if count > 1 else 's'} for an answer: {self.command}" if count else ""

    @property
    def command(self) -> str:
        """What whoever answers begins with."""
        return shlex.join(["gristmill", "next", self._run, *option_for(self._workspace)])

    async def propose(self, request: Request) -> Reply:
        """What somebody answers.

        Raises:
            ModelError: nobody did, in time.
        """
        if self._store is None:
            raise ModelError("the mailbox is asked outside of `async with`: enter the proposer first")
        begun = time.monotonic()
        box = Mailbox(self._store)
        # One after another, so that they wait in the order in which the run asks.
        async with self._asking:
            id_ = await asyncio.to_thread(box.ask, self._run, request)
        place = (request.task_id, request.round, request.sample)
        # An earlier session asked something else there, and will not any more.
        if stale := self._stale.get(place, set()) - {id_, *self._waiting}:
            await asyncio.to_thread(box.give_up, self._run, stale)
        waiting = _Waiting(request, asyncio.get_running_loop().create_future(), begun)
        self._waiting[id_] = waiting
        self._came.set()
        try:
            answer = await waiting.answer
        finally:
            self._waiting.pop(id_, None)
        return Reply(
            text=answer.text,
            tokens=_estimated(request.messages, answer.text),
            model=answer.by or self.model,
            finish="stop",
            seconds=time.monotonic() - begun,
        )

    async def _look(self) -> None:
        """Hand out what has come, and give up what nobody will answer."""
        while True:
            await self._came.wait()
            while waiting := dict(self._waiting):
                try:
                    answers, slips = await asyncio.to_thread(self._found, list(waiting))
                    self._hand_out(waiting, answers, slips)
                    overdue = self._overdue(waiting, slips)
                    if overdue:
                        answers = await asyncio.to_thread(self._give_up, overdue)
                        self._hand_out(waiting, answers, {})
                        self._refuse([waiting[id_] for id_ in overdue])
                except Exception as error:  # noqa: BLE001  # whoever waits hears of it, and decides
                    for each in waiting.values():
                        if not each.answer.done():
                            each.answer.set_exception(error)
                await asyncio.sleep(_EVERY)
            self._came.clear()

    def _found(self, ids: list[str]) -> tuple[dict[str, Answer], dict[str, Slip]]:
        assert self._store is not None
        box = Mailbox(self._store)
        return box.answers(self._run, ids), box.slips(self._run, ids)

    def _give_up(self, ids: list[str]) -> dict[str, Answer]:
        """Answers that came in the last moment."""
        assert self._store is not None
        box = Mailbox(self._store)
        box.give_up(self._run, ids)
        return box.answers(self._run, ids)

    def _hand_out(
        self, waiting: Mapping[str, _Waiting], answers: Mapping[str, Answer], slips: Mapping[str, Slip]
    ) -> None:
        for id_, each in waiting.items():
            if id_ in answers and not each.answer.done():
                each.answer.set_result(answers[id_])
                self._sign = time.monotonic()
            if id_ in slips and slips[id_].read != each.read:
                each.read = slips[id_].read
                self._sign = time.monotonic()

    def _overdue(self, waiting: Mapping[str, _Waiting], slips: Mapping[str, Slip]) -> list[str]:
        now = time.monotonic()
        return [
            id_
            for id_, each in waiting.items()
            if not each.answer.done()
            and now - max(each.since, self._sign) > self._timeout
            and not (id_ in slips and slips[id_].taken)
        ]

    def _refuse(self, overdue: list[_Waiting]) -> None:
        for each in overdue:
            if not each.answer.done():
                each.answer.set_exception(
                    ModelError(
                        f"nobody has read or answered a request of the run {self._run} for {self._timeout:g} s "
                        f"(--call-timeout). What was done so far is kept. Go on with --resume, then answer: "
                        f"{self.command}"
                    )
                )


def _estimated(messages: tuple[Message, ...], text: str) -> Tokens:
    """As for a server that tells no usage: about four characters a token."""
    from langchain_core.messages.utils import count_tokens_approximately

    asked, said = [message.model_dump() for message in messages], [{"role": "assistant", "content": text}]
    return Tokens(prompt=count_tokens_approximately(asked), completion=count_tokens_approximately(said))
