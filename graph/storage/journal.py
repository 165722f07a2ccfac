"""Durable writes without waiting in line: entries of all tasks are committed together, as fast as the disk takes them.

A `write` returns when its entries are committed, so what follows it can rely on them. What is written in one turn of
the event loop goes into one commit, and while that is under way, the entries that come in meanwhile gather for the next
one; a thread does the writing, the event loop never blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self

from gristmill.graph.storage.entries import Entry
from gristmill.graph.storage.store import Store

__all__ = ["Journal"]

_SOON = 0.05
"""Seconds that a note waits at most for a commit to go with."""


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
        self._waiting: list[tuple[tuple[Entry, ...], asyncio.Future[None] | None]] = []
        self._wake = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._open = False
        self._failure: Exception | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gristmill-store")
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._open = True
        self._writer = asyncio.create_task(self._work(), name="gristmill journal")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is still waiting, even where the campaign was cancelled, and stop."""
        self._open = False
        self._wake.set()
        if self._writer is not None:
            await asyncio.shield(self._writer)
        self._thread.shutdown()

    async def write(self, *entries: Entry) -> None:
        """Commit entries.

        A caller that is cancelled meanwhile leaves them behind to be written all the same: a reply that has arrived
        is paid for.

        Raises:
            StoreError: they could not be written.
        """
        if self._failure is not None:
            raise self._failure
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, done))
        self._wake.set()
        await done

    def note(self, *entries: Entry) -> None:
        """Have entries written with the next commit, soon, without waiting for it."""
        if self._failure is None:
            self._waiting.append((entries, None))
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(_SOON, self._wake.set)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._open or self._waiting:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(0)  # whoever was woken with the one that woke us writes in this turn too
            if self._soon is not None:
                self._soon.cancel()
                self._soon = None
            batch, self._waiting = self._waiting, []
            if not batch:
                continue
            entries = [entry for group, _ in batch for entry in group]
            clock = (self._run, self._clock())
            try:
                await loop.run_in_executor(self._thread, partial(self._store.save, entries, clock=clock))
            except Exception as error:  # noqa: BLE001  # handed to whoever waits for these entries
                self._failure = error
                self._settle([*batch, *self._waiting], error)
                self._waiting = []
                return
            self._settle(batch, None)

    @staticmethod
    def _settle(batch: list[tuple[tuple[Entry, ...], asyncio.Future[None] | None]], error: Exception | None) -> None:
        for _, done in batch:
            if done is None or done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
