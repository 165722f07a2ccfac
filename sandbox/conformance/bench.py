"""What a check works with: one worker, and a way to run a few lines of Python as a job in it."""

from __future__ import annotations

import asyncio
import socket
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from gristmill.sandbox.base import Sandbox, SandboxFactory
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import decode

__all__ = ["Bench", "BrokenRule", "Check"]

PROFILE = Profile(name="conformance", guest=("gristmill.sandbox.guest.probe",))
LIMITS = Limits(wall_seconds=10, cpu_seconds=10, memory_mb=256, processes=8, output_kb=256, disk_mb=4)


class BrokenRule(Exception):  # noqa: N818  # a rule is broken; the checker itself is in order
    """A rule of the contract was not kept."""


class Bench:
    """One worker of a backend, and jobs written as source text for it.

    A job's text finds `context` (of `guest/context.py`) and calls ``context.send(value)`` to report.
    """

    def __init__(self, factory: SandboxFactory) -> None:
        self.factory = factory
        self.sandbox: Sandbox = factory.create(PROFILE)

    async def start(self) -> None:
        """Enter the worker."""
        await self.sandbox.__aenter__()

    async def stop(self) -> None:
        """Leave it."""
        await self.sandbox.__aexit__(None, None, None)

    async def restart(self) -> None:
        """Another worker, so that one broken rule does not break the checks after it."""
        await self.stop()
        self.sandbox = self.factory.create(PROFILE)
        await self.start()

    def job(self, text: str, stdin: bytes = b"", **limits: float) -> Job:
        """A job that runs `text`; `limits` replace some of the bench's small ones."""
        return Job(
            program="gristmill.sandbox.guest.probe:run",
            request=textwrap.dedent(text),
            limits=Limits.model_validate({**LIMITS.model_dump(), **limits}),
            stdin=stdin,
        )

    async def run(
        self, text: str, *, stdin: bytes = b"", sockets: Sequence[socket.socket] = (), **limits: float
    ) -> Report:
        """Run `text` to its end, well bounded: a backend that hangs breaks the contract."""
        job = self.job(text, stdin, **limits)
        try:
            async with asyncio.timeout(job.limits.wall_seconds + 10):
                return await self.sandbox.run(job, sockets)
        except TimeoutError:
            raise BrokenRule("the sandbox did not return within its wall clock and 10 s more") from None

    async def ask(self, text: str, **limits: float) -> Any:
        """The one value that `text` sends; it must finish."""
        report = await self.run(text, stdin=b"", sockets=(), **limits)
        self.require(report.ending is Ending.FINISHED, f"expected it to finish, but: {describe(report)}")
        return self.value(report)

    def value(self, report: Report) -> Any:
        """The one value that a job has sent."""
        self.require(len(report.messages) == 1, f"expected one message, got {len(report.messages)}")
        return decode(report.messages[0])

    async def honest(self) -> None:
        """The worker must run an honest job."""
        answer = await self.ask("context.send([1, 2.5, 'three'])")
        self.require(answer == [1, 2.5, "three"], f"an honest job answered {answer!r}")

    @staticmethod
    def require(condition: bool, otherwise: str) -> None:
        """Break off the check with what is wrong."""
        if not condition:
            raise BrokenRule(otherwise)

    async def require_ending(self, ending: Ending, text: str, **limits: float) -> Report:
        """Run `text`, which must end so."""
        report = await self.run(text, stdin=b"", sockets=(), **limits)
        self.require(report.ending is ending, f"expected {ending}, but: {describe(report)}")
        return report


def describe(report: Report) -> str:
    """A report in one line, for messages."""
    tail = (report.stderr or report.stdout)[-400:].decode(errors="replace").strip()
    return f"{report.ending} (exit {report.exit_status}, {report.seconds:.2f} s) {report.note} {tail}".strip()


Check: TypeAlias = Callable[[Bench], Awaitable[None]]
