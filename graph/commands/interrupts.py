"""Ctrl-C: the first one stops the work cleanly, the second one ends the process at once; and how to go on then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

import typer

from gristmill.graph.commands.alerts.telling import without_addresses
from gristmill.sandbox.plain import say

__all__ = ["INTERRUPTED", "resumable", "run_interruptibly"]

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


@contextlib.contextmanager
def resumable(*, resume: bool) -> Iterator[Callable[[], None]]:
    """A block that is gone on with by this very command and ``--resume``, which is said where it ends early.

    The block calls what it is given once something is stored: before that there is nothing to go on with.

    Args:
        resume: the command has the option already.

    Raises:
        typer.Exit: the block was interrupted; with INTERRUPTED.
    """
    begun = False

    def begin() -> None:
        nonlocal begun
        begun = True

    again = f"gristmill {shlex.join([*without_addresses(sys.argv[1:]), *([] if resume else ['--resume'])])}"
    try:
        yield begin
    except (KeyboardInterrupt, asyncio.CancelledError):
        kept = f"the stages that have ended are kept. Go on with:\n  {again}" if begun else "nothing was begun."
        say(f"Interrupted; {kept}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except Exception:
        if begun:
            say(f"What was done so far is kept. Go on, once that is mended, with:\n  {again}", err=True)
        raise
