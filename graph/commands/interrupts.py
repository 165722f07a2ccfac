"""Ctrl-C: the first one stops the work cleanly, the second one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

__all__ = ["INTERRUPTED", "run_interruptibly"]

T = TypeVar("T")

INTERRUPTED = 130
"""Exit code of an interrupted command, as shells have it."""


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, where SIGINT and SIGTERM cancel `work`, and a second of them ends the process with code 130.

    `asyncio.run` alone would answer the second one by waiting for all tasks and threads, which may take minutes where
    a thread computes. Nothing is lost by going at once: what is stored is stored, and whatever was started (workers,
    servers, containers) ends when this process is gone, or is reaped at the next start, as after a kill -9.

    Raises:
        asyncio.CancelledError: it was interrupted, and has ended cleanly.
    """
    interrupts = 0
    stop: tuple[asyncio.AbstractEventLoop, asyncio.Task[T]] | None = None

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            os.write(2, b"\nEnded at once; what was stored is kept.\n")
            os._exit(INTERRUPTED)
        if stop is None:
            raise KeyboardInterrupt
        loop, task = stop
        loop.call_soon_threadsafe(task.cancel)
        if sys.stderr.isatty():
            os.write(2, b"\nStopping; once more ends at once.\n")

    async def main() -> T:
        nonlocal stop
        task = asyncio.create_task(work)
        stop = asyncio.get_running_loop(), task
        return await task

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return asyncio.run(main())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
