"""The host's side of a worker: it talks to a zygote over its control socket, whatever wall stands around that.

A backend starts a process with `gristmill.sandbox.guest.zygote` in it, hands the connection to a `Worker`, and lets it
run jobs. The protocol is in the zygote's docstring; payloads never pass through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import marshal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gristmill.sandbox.errors import SandboxError, WorkerLostError
from gristmill.sandbox.records import Ending, Job, Profile, Report
from gristmill.sandbox.wire.values import encode
from gristmill.sandbox.workers.collecting import Lines
from gristmill.sandbox.workers.staging import guest_modules

__all__ = ["Worker"]

PROTOCOL = 5
# The zygote's own clock comes first; this one is for a zygote that does not answer any more.
_GRACE_SECONDS = 20.0


class Worker:
    """One zygote, as seen from outside. Belongs to the event loop that it was entered in.

    Args:
        connection: the control socket, AF_UNIX SOCK_SEQPACKET, connected to a zygote that has not been spoken to.
        profile: what the zygote shall import.
        mode: how jobs are told apart inside: ``uid`` (the zygote is root there and may switch users) or ``namespace``.
        kill: ends the whole worker from outside, for a zygote that no longer answers.
    """

    def __init__(
        self,
        connection: socket.socket,
        profile: Profile,
        *,
        mode: str = "uid",
        kill: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.covers: tuple[str, ...] = ()
        self.gaps: tuple[str, ...] = ()
        self._connection = connection
        self._profile = profile
        self._mode = mode
        self._kill = kill
        self._number = 0
        self._lost: str | None = None
        self._ended: asyncio.Future[dict[str, Any]] | None = None
        self._closed = False
        connection.setblocking(False)

    @property
    def healthy(self) -> bool:
        """Whether another job can be run here."""
        return self._lost is None and not self._closed

    async def handshake(self, timeout: float = 120.0) -> None:
        """Tell the zygote its profile, and wait until it has imported everything and tried its walls.

        Raises:
            SandboxError: it could not; the message holds its own words.
        """
        hello = {
            "version": PROTOCOL,
            "preload": [*self._profile.preload, *guest_modules(self._profile)],
            "mode": self._mode,
            "programs": self._profile.programs.value,
            "template": self._profile.template,
        }
        loop = asyncio.get_running_loop()
        try:
            self._connection.send(json.dumps(hello).encode())
            async with asyncio.timeout(timeout):
                answer = await loop.sock_recv(self._connection, 1 << 16)
        except TimeoutError:
            raise SandboxError(f"a sandbox worker was not ready within {timeout:.0f} s") from None
        except OSError as error:
            raise WorkerLostError(f"a sandbox worker was lost while it started: {error}") from error
        if not answer:
            raise WorkerLostError("a sandbox worker ended while it started")
        greeting = json.loads(answer)
        if not greeting.get("ready"):
            raise SandboxError(f"a sandbox worker could not start: {greeting.get('error', '').strip()}")
        self.covers, self.gaps = tuple(greeting["covers"]), tuple(greeting["gaps"])
        loop.add_reader(self._connection, self._read)

    async def run(
        self, job: Job, sockets: Sequence[socket.socket] = (), enough: Callable[[bytes], bool] | None = None
    ) -> Report:
        """Run one job to its end; see `gristmill.sandbox.base.Sandbox.run`.

        Raises:
            SandboxError: the worker was lost, or was before.
            EncodeError: the request holds values that do not cross.
        """
        try:
            request = encode(job.request)
            lines = self._open(job)
            lines.replies.enough = enough
        except BaseException:
            _close(sockets)
            raise
        try:
            self._start(job, lines, sockets)
            lines.handed_over(request, job.stdin)
            ended = await self._wait(self._number, job.limits.wall_seconds + _GRACE_SECONDS)
            lines.finish()
        finally:
            self._ended = None
            lines.close()
        return _report(ended, lines)

    async def clone(self) -> Worker:
        """A worker that this one, of a template's profile, is forked into: whoever calls again ends the last one.

        Raises:
            SandboxError: none can be had; where this worker was lost, `WorkerLostError`.
        """
        if not self.healthy:
            raise WorkerLostError(f"this template of sandbox workers is gone: {self._lost or 'it was closed'}")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                socket.send_fds(self._connection, [b"clone"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                self._lose(f"its control socket failed: {error}")
                raise WorkerLostError(f"a template of sandbox workers was lost: {error}") from error
        profile = self._profile.model_copy(update={"template": False})
        clone = Worker(ours, profile, mode=self._mode, kill=self._kill)
        try:
            await clone.handshake()
        except BaseException:
            await clone.close()
            raise
        return clone

    def end_clone(self) -> None:
        """Kill all that came of the last clone."""
        try:
            self._connection.send(b"end")
        except OSError as error:
            self._lose(f"its control socket failed: {error}")

    async def close(self) -> None:
        """Hang up, which ends the zygote and everything that it has started. Idempotent."""
        if not self._closed:
            self._closed = True
            self._lose("it was closed")
            asyncio.get_running_loop().remove_reader(self._connection)
            self._connection.close()

    def _open(self, job: Job) -> Lines:
        """Take the worker, and make the pipes for a job."""
        if not self.healthy:
            raise WorkerLostError(f"this sandbox worker is gone: {self._lost or 'it was closed'}")
        if self._ended is not None:
            raise SandboxError("this sandbox worker is busy; it runs one job at a time")
        number = self._number + 1
        try:
            lines = Lines(job.limits.output_kb * 1024, lambda: self._send({"kill": number}))
        except OSError as error:
            raise SandboxError(f"no pipes for a job: {error}") from error
        self._number = number
        self._ended = asyncio.get_running_loop().create_future()
        return lines

    def _start(self, job: Job, lines: Lines, sockets: Sequence[socket.socket]) -> None:
        limits = {name: getattr(job.limits, name) for name in type(job.limits).model_fields}
        message: dict[str, Any] = {"start": self._number, "program": job.program, "limits": limits}
        if job.clocked:
            message |= {"clocked": True, "limits": limits | {"processes": 1}}
        given = [*lines.given, *(each.fileno() for each in sockets)]
        try:
            socket.send_fds(self._connection, [_packed(message)], given)
        except OSError as error:
            self._lose(f"its control socket failed: {error}")
        finally:
            _close(sockets)

    async def _wait(self, number: int, seconds: float) -> dict[str, Any]:
        """What the zygote says at the job's end. Cancelling kills the job and waits for that end first."""
        ended = self._ended
        if ended is None:
            raise SandboxError("no job was started")
        try:
            async with asyncio.timeout(seconds):
                ending = await asyncio.shield(ended)
        except TimeoutError:
            await self._give_up("it did not report the end of a job in time")
            raise SandboxError("a sandbox worker did not report the end of its job in time") from None
        except asyncio.CancelledError:
            self._send({"kill": number})
            await _undisturbed(self._await_kill(ended))
            raise
        if ending.get("error"):
            await self._give_up(ending["error"])
            raise SandboxError(f"a job could not be run: {ending['error']}")
        if not ending.get("clean"):
            # The report stands; whatever is left in there goes with the worker.
            await self._give_up("a job left something behind that could not be removed")
        return ending

    async def _await_kill(self, ended: asyncio.Future[dict[str, Any]]) -> None:
        done, _ = await asyncio.wait({ended}, timeout=_GRACE_SECONDS)
        if not done:
            await self._give_up("it did not end a job that was cancelled")
        elif ended.exception() is None and not ended.result().get("clean"):
            await self._give_up("a cancelled job left something behind")

    async def _give_up(self, reason: str) -> None:
        """Never use this worker again, and end it."""
        self._lose(reason)
        await self.close()
        if self._kill is not None:
            await self._kill()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.send(_packed(message))
        except OSError as error:
            self._lose(f"its control socket failed: {error}")

    def _read(self) -> None:
        """Take the zygote's messages from the socket."""
        while not self._closed:
            try:
                data = self._connection.recv(1 << 16)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._lose(f"its control socket failed: {error}")
                return
            if not data:
                self._lose("its zygote ended")
                return
            message = json.loads(data)
            if self._ended is not None and not self._ended.done() and message.get("ended") == self._number:
                self._ended.set_result(message)

    def _lose(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
            with contextlib.suppress(ValueError, OSError):
                asyncio.get_running_loop().remove_reader(self._connection)
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(WorkerLostError(f"a sandbox worker was lost: {reason}"))
            # Whoever waits sees it; if nobody does any more, that is no error of its own.
            self._ended.exception()


async def _undisturbed(work: Awaitable[None]) -> None:
    """Finish this even if we are cancelled again meanwhile: what it waits for is bounded."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


def _packed(message: dict[str, Any]) -> bytes:
    """In a form of `marshal` that every Python 3 reads; the zygote, which trusts its host, is quicker with it."""
    return marshal.dumps(message, 2)


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _report(ended: dict[str, Any], lines: Lines) -> Report:
    ending, status, note = Ending(ended["ending"]), ended["exit_status"], str(ended.get("note", ""))
    if lines.over:
        ending, status, note = Ending.OUTPUT_LIMIT, None, "it wrote more than it may"
    return Report(
        ending=ending,
        exit_status=status,
        messages=lines.replies.messages(),
        stdout=bytes(lines.stdout.data),
        stderr=bytes(lines.stderr.data),
        seconds=ended["seconds"],
        cpu_seconds=ended.get("cpu_seconds", 0.0),
        peak_memory_mb=ended.get("peak_memory_mb", 0.0),
        note=note,
    )
