"""What was stored, told to every tab that watches, by one look at the store a second whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import GristmillError

__all__ = ["PAUSE_SECONDS", "Watcher"]

PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 15.0


class Watcher:
    """One task looks for new events while anybody listens, and none otherwise; who listens holds a number, no queue."""

    def __init__(self, store: Store, pause: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._pause = pause
        self._runs: dict[str, tuple[int, int]] = {}
        """Run → (who listens, number of its last event)."""
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def listening(self) -> int:
        """How many listen."""
        return sum(count for count, _ in self._runs.values())

    async def stored(self, run: str) -> AsyncGenerator[int | None, None]:
        """The number of a run's last event, at once and whenever it has grown; None where it was long quiet."""
        latest = await asyncio.to_thread(self._store.glances.latest, run)
        count, known = self._runs.get(run, (0, latest))
        self._runs[run] = count + 1, max(known, latest)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            told = -1
            while True:
                now = self._runs[run][1]
                if now != told:
                    told = now
                    yield told
                try:
                    async with asyncio.timeout(_QUIET_SECONDS), self._changed:
                        while self._runs[run][1] == told:
                            await self._changed.wait()
                except TimeoutError:
                    yield None
        finally:
            count, known = self._runs.pop(run)
            if count > 1:
                self._runs[run] = count - 1, known
            if not self._runs and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            grown = False
            for run in list(self._runs):
                with suppress(GristmillError):  # a store that is busy or gone is asked again
                    latest = await asyncio.to_thread(self._store.glances.latest, run)
                    if run in self._runs and latest > self._runs[run][1]:
                        self._runs[run] = self._runs[run][0], latest
                        grown = True
            if grown:
                async with self._changed:
                    self._changed.notify_all()
