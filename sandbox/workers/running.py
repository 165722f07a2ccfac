"""A job that runs while its caller does something else: talking to it, and ending it in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Report
from gristmill.sandbox.workers.blaming import Attempt

__all__ = ["GRACE_SECONDS", "Session", "end", "kill"]

GRACE_SECONDS = 0.5


class Session:
    """A job that runs while you talk to it.

    `socket` is the other end of the job's ``context.sockets[0]``: a blocking stream socket, meant for a thread, whose
    timeout lies a little beyond the job's wall clock, so that no read on it hangs.
    """

    def __init__(self, own: socket.socket, running: asyncio.Task[Report], attempt: Attempt) -> None:
        self.socket = own
        self._running = running
        self._attempt = attempt
        self._begun = time.monotonic()

    async def report(self, grace: float = GRACE_SECONDS) -> Report:
        """Hang up, give the job `grace` seconds to end by itself, kill it if it has not, and say how it ended.

        Raises:
            SandboxError: the worker was lost; nothing may be concluded about the job. Hold another session with it:
                if its worker is lost again and again, that is a report.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        try:
            return await end(self._running, self._begun, grace, "killed when its session ended")
        except SandboxError as error:
            if await self._attempt.lost(error):
                return self._attempt.trial.blame(error)
            raise


async def end(running: asyncio.Task[Report], begun: float, grace: float, note: str) -> Report:
    """The report of a job that should end now; after `grace` seconds it is killed and the note says so."""
    done, _ = await asyncio.wait({running}, timeout=grace)
    if not done:
        await kill(running)
    if running.cancelled():
        return Report(ending=Ending.FAILED, seconds=time.monotonic() - begun, note=note)
    return running.result()


async def kill(running: asyncio.Task[Report]) -> None:
    """Cancel a job, and wait until nothing of it is left."""
    running.cancel()
    await asyncio.wait({running})
    if not running.cancelled():
        running.exception()  # it was seen by whoever needed it; do not let asyncio report it as lost
