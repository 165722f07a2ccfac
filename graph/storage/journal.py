"""Durable writes without waiting in line: entries of all tasks are committed together, as fast as the disk takes them.

A `write` returns when its entries are committed, and all that was noted before them, so what follows it can rely on
them. What is written in one turn of the event loop goes into one commit, and while that is under way, the entries that
come in meanwhile gather for the next one; a thread does the writing, the event loop never blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from gristmill.graph.storage.entries import Entry
from gristmill.graph.storage.store import Store

__all__ = ["Journal"]

_SOON = 0.05
"""Seconds that a note waits at most for a commit to go with."""

_Group = tuple[tuple[Entry, ...], "asyncio.Future[None] | None"]


class Journal:
    """The loop's way into the store, for one run.

    Args:
        store: where to.
        run: name of the run.
        clock: wall time of the run's sessions so far, in seconds; kept with every commit.
    """

    def __init__(self, store: Store, run: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._run = run
        self._clock = clock
        self._waiting: list[_Group] = []
        self._wanted = self._begun = self._busy = False
        self._soon: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gristmill-store")

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is still waiting, even where the campaign was cancelled, and stop."""
        while self._waiting or self._busy:
            self._idle = self._loop.create_future()
            self._want()
            await self._idle
        self._thread.shutdown()

    async def write(self, *entries: Entry) -> None:
        """Commit entries, and all that was noted before them.

        A caller that is cancelled meanwhile leaves them behind to be written all the same: a reply that has arrived
        is paid for.

        Raises:
            StoreError: they could not be written.
        """
        if self._failure is not None:
            raise self._failure
        done = self._loop.create_future()
        self._waiting.append((entries, done))
        self._want()
        await done

    async def written(self) -> None:
        """Wait until all that was noted is committed.

        Raises:
            StoreError: it could not be written.
        """
        if self._waiting or self._busy or self._failure is not None:
            await self.write()

    def note(self, *entries: Entry) -> None:
        """Have entries written with the next commit, soon, without waiting for it."""
        if self._failure is None:
            self._waiting.append((entries, None))
            if self._soon is None:
                self._soon = self._loop.call_later(_SOON, self._want)

    def _want(self) -> None:
        """Have what waits committed once nothing else is."""
        self._wanted = True
        if not self._begun and not self._busy:
            self._begun = True
            # Whoever is woken with the one that wants this writes in that turn too.
            self._loop.call_soon(self._loop.call_soon, self._commit)

    def _commit(self) -> None:
        self._wanted = self._begun = False
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        batch, self._waiting = self._waiting, []
        entries = [entry for group, _ in batch for entry in group]
        if not entries:
            self._committed(batch, None)
            return
        self._busy = True
        # Callbacks in place of a task that awaits: it would be woken three times for each commit.
        work = self._thread.submit(self._store.save, entries, clock=(self._run, self._clock()))

        def over(work: Future[None]) -> None:
            self._loop.call_soon_threadsafe(self._committed, batch, work.exception())

        work.add_done_callback(over)

    def _committed(self, batch: list[_Group], error: BaseException | None) -> None:
        self._busy = False
        if error is not None:
            self._failure = error
            batch, self._waiting = [*batch, *self._waiting], []
        self._settle(batch, error)
        if self._waiting and self._wanted:
            self._want()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    @staticmethod
    def _settle(batch: Iterable[_Group], error: BaseException | None) -> None:
        for _, done in batch:
            if done is None or done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
