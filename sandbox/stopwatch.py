"""How long jobs ran on behalf of somebody, queueing for a free worker left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Stopwatch", "busy", "timing"]

_current: ContextVar[Stopwatch | None] = ContextVar("gristmill_stopwatch", default=None)


class Stopwatch:
    """Goes while at least one job runs.

    `jobs` counts them; `seconds` is the time during which one of them or several ran, those that still run left out.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds = 0.0
        self.jobs = 0
        self._clock = clock
        self._running = 0
        self._since = 0.0

    @contextmanager
    def job(self) -> Iterator[None]:
        """A job runs while the block does."""
        if not self._running:
            self._since = self._clock()
        self._running += 1
        self.jobs += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self.seconds += self._clock() - self._since


@contextmanager
def timing(watch: Stopwatch | None = None) -> Iterator[Stopwatch]:
    """Time the jobs that are started inside the block, also by asyncio tasks that are made there."""
    watch = watch or Stopwatch()
    token = _current.set(watch)
    try:
        yield watch
    finally:
        _current.reset(token)


@contextmanager
def busy() -> Iterator[None]:
    """For whoever runs a job: it goes on while the block does."""
    watch = _current.get()
    if watch is None:
        yield
        return
    with watch.job():
        yield
