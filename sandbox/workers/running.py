"""A job that runs while its caller does something else: talking to it, and ending it in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import cast

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Report
from gristmill.sandbox.wire.channel import DEFAULT_LIMIT, ChannelError, receive, send
from gristmill.sandbox.workers.blaming import Try

__all__ = ["GRACE_SECONDS", "TalkingJob", "end", "kill"]

GRACE_SECONDS = 0.5


class TalkingJob:
    """The other end of a job's ``context.sockets[0]``; see `gristmill.sandbox.base.Session`."""

    def __init__(self, own: socket.socket, running: asyncio.Task[Report], current: Try) -> None:
        self._socket = own
        self._running = running
        self._current = current
        self._begun = time.monotonic()

    def call(self, data: bytes, *, seconds: float, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """See `gristmill.sandbox.base.Session.call`."""
        timed = cast(socket.socket, _Timed(self._socket, time.monotonic() + seconds))
        try:
            send(timed, data)
            return receive(timed, limit)
        except (TimeoutError, ChannelError):
            self._hang_up()
            raise
        except OSError:
            return None

    async def report(self, grace: float = GRACE_SECONDS) -> Report:
        """See `gristmill.sandbox.base.Session.report`."""
        self._hang_up()
        try:
            return await end(self._running, self._begun, grace, "killed when its session ended")
        except SandboxError as error:
            if await self._current.lost(error):
                return self._current.trial.blame(error)
            raise

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _Timed:
    """A socket whose steps share one deadline: a timeout of its own for each would let bytes drip for ever."""

    def __init__(self, own: socket.socket, deadline: float) -> None:
        self._socket = own
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._in_time().sendall(data)

    def recv(self, most: int) -> bytes:
        return self._in_time().recv(most)

    def _in_time(self) -> socket.socket:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket


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
