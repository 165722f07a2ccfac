"""The host's side of a zygote: handshake, one job at a time, capped streams, a second wall clock.

Nothing that arrives here is believed but the zygote's word on how a job ended; the job's own messages and output are
collected up to the job's bounds and handed on undecoded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from gristmill.sandbox.canonical import EncodeError, encode
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Job, Profile, Report

__all__ = ["Worker"]

READY_SECONDS = 120.0
LATE_SECONDS = 5.0  # beyond the wall limit, before the zygote itself counts as lost
DRAIN_SECONDS = 2.0
CHUNK = 1 << 16


class Worker:
    """Talks to one zygote over its control socket (SOCK_SEQPACKET).

    Args:
        connection: the connected control socket; it belongs to the worker from now on.
        profile: what the zygote shall import.
        mode: "uid" (each job under a user of its own) or "namespace" (each job in namespaces of its own).
    """

    def __init__(self, connection: socket.socket, profile: Profile, mode: str = "uid") -> None:
        connection.setblocking(False)
        self._control = connection
        self._profile = profile
        self._mode = mode
        self._number = 0
        self._busy = asyncio.Lock()
        self._lost = ""
        self.covers: tuple[str, ...] = ()
        self.gaps: tuple[str, ...] = ()

    async def handshake(self) -> None:
        """Tell the zygote its profile and wait until it has imported everything.

        Raises:
            SandboxError: it could not, or it is gone.
        """
        hello = {"version": 1, "profile": self._profile.model_dump(mode="json"), "mode": self._mode}
        await self._tell(hello)
        try:
            answer = await asyncio.wait_for(self._hear(), READY_SECONDS)
        except TimeoutError:
            raise SandboxError(f"a sandbox worker was not ready within {READY_SECONDS:.0f} s") from None
        if not answer.get("ready"):
            raise SandboxError(f"a sandbox worker could not start: {answer.get('error', 'no reason given')}")
        self.covers = tuple(map(str, answer.get("covers", ())))
        self.gaps = tuple(map(str, answer.get("gaps", ())))

    async def close(self) -> None:
        """Hang up; the zygote ends by itself when it notices."""
        self._lost = self._lost or "it was closed"
        self._control.close()

    async def run(self, job: Job, sockets: Sequence[socket.socket] = ()) -> Report:
        """Run one job to its end; see `gristmill.sandbox.base.Sandbox.run`."""
        try:
            frame = encode(job.request)
        except EncodeError as error:
            for each in sockets:
                each.close()
            raise ValueError(f"the request of {job.program} cannot cross into a sandbox: {error}") from error
        async with self._busy:
            if self._lost:
                for each in sockets:
                    each.close()
                raise SandboxError(f"the sandbox worker is gone: {self._lost}")
            return await self._run(job, frame, sockets)

    async def _run(self, job: Job, frame: bytes, sockets: Sequence[socket.socket]) -> Report:
        self._number += 1
        number = self._number
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        stdin, stdout, stderr = os.pipe(), os.pipe(), os.pipe()
        given = [theirs.fileno(), stdin[0], stdout[1], stderr[1], *(each.fileno() for each in sockets)]
        start = {"start": number, "program": job.program, "limits": job.limits.model_dump(mode="json")}
        try:
            await self._tell(start, given)
        except BaseException:
            ours.close()
            for fd in (stdin[1], stdout[0], stderr[0]):
                os.close(fd)
            raise
        finally:
            theirs.close()
            for fd in (stdin[0], stdout[1], stderr[1]):
                os.close(fd)
            for each in sockets:
                each.close()
        over = False

        def stop() -> None:
            nonlocal over
            over = True
            self._tell_now({"kill": number})

        most = job.limits.output_kb * 1024
        with contextlib.ExitStack() as stack:
            request = len(frame).to_bytes(4, "big") + frame
            streams = [
                stack.enter_context(_Collector(stdout[0], most, stop)),
                stack.enter_context(_Collector(stderr[0], most, stop)),
                # A reply is counted with its framing.
                stack.enter_context(_Collector(os.dup(ours.fileno()), most + 64 * 1024, stop)),
            ]
            stack.enter_context(_Feeder(stdin[1], job.stdin))
            stack.enter_context(_Feeder(ours.detach(), request))
            ended = await self._ended(number, job.limits.wall_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(each.done for each in streams)), DRAIN_SECONDS)
            out, err, replies = (bytes(each.data) for each in streams)
        if not ended.get("clean", False):
            self._lost = "a job left something behind that could not be removed"
        killed = over or ended["ending"] in (Ending.TIMEOUT, Ending.OUTPUT_LIMIT)
        return Report(
            ending=Ending.OUTPUT_LIMIT if over else Ending(ended["ending"]),
            exit_status=None if killed else ended.get("exit_status"),
            messages=_frames(replies, most),
            stdout=out[:most],
            stderr=err[:most],
            seconds=float(ended["seconds"]),
            cpu_seconds=float(ended.get("cpu_seconds", 0.0)),
            peak_memory_mb=float(ended.get("peak_memory_mb", 0.0)),
        )

    async def _ended(self, number: int, wall: float) -> dict[str, Any]:
        """The zygote's word on job `number`; if cancelled, the job is killed first."""
        waiting = asyncio.ensure_future(self._word(number, wall + LATE_SECONDS))
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not waiting.done():
                self._tell_now({"kill": number})
                await asyncio.wait({waiting}, timeout=LATE_SECONDS)
            if not waiting.done() or waiting.exception() is not None or not waiting.result().get("clean", False):
                self._lost = self._lost or "a cancelled job did not end"
                waiting.cancel()
            raise

    async def _word(self, number: int, seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self._hear()
                    if message.get("ended") == number:
                        return message
        except TimeoutError:
            self._lost = "it did not end a job in time"
            raise SandboxError("a sandbox worker did not end a job in time") from None

    async def _tell(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        data = json.dumps(message).encode()
        try:
            if fds:
                socket.send_fds(self._control, [data], list(fds))
            else:
                await asyncio.get_running_loop().sock_sendall(self._control, data)
        except OSError as error:
            self._lost = f"its control socket broke: {error}"
            raise SandboxError(f"a sandbox worker was lost: {error}") from error

    def _tell_now(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    async def _hear(self) -> dict[str, Any]:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._control, CHUNK)
        except OSError as error:
            data, reason = b"", str(error)
        else:
            reason = "it ended"
        if not data:
            self._lost = reason
            raise SandboxError(f"a sandbox worker was lost: {reason}")
        message = json.loads(data)
        if not isinstance(message, dict):
            raise SandboxError("a sandbox worker spoke out of turn")
        return message


class _Collector:
    """Reads a descriptor to its end, as bytes arrive, up to `most`; one byte more calls `full` and reads no further."""

    def __init__(self, fd: int, most: int, full: Callable[[], None]) -> None:
        self.data = bytearray()
        self._fd, self._most, self._full = fd, most, full
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            part = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        self.data += part
        if not part or len(self.data) > self._most:
            self._loop.remove_reader(self._fd)
            if not self.done.done():
                self.done.set_result(None)
            if part:
                self._full()

    def __enter__(self) -> _Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._fd)
        self.done.cancel()
        os.close(self._fd)


class _Feeder:
    """Writes bytes to a descriptor as it takes them. A pipe is closed at their end; a socket stays open for reading."""

    def __init__(self, fd: int, data: bytes) -> None:
        self._fd: int | None = fd
        self._left = memoryview(data)
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._write()
        if self._fd is not None:
            self._loop.add_writer(fd, self._write)

    def _write(self) -> None:
        if self._fd is None:
            return
        try:
            while self._left:
                self._left = self._left[os.write(self._fd, self._left) :]
        except BlockingIOError:
            return
        except OSError:
            pass  # the job does not want it; its own business
        self._close()

    def _close(self) -> None:
        if self._fd is not None:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> _Feeder:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def _frames(data: bytes, most: int) -> tuple[bytes, ...]:
    """The whole frames at the beginning of what a job sent; a broken or over-long tail is left out."""
    frames, place = [], 0
    while place + 4 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length > most or place + 4 + length > len(data):
            break
        frames.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return tuple(frames)
