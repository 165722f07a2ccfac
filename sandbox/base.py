"""The contract that every sandbox backend keeps, and that `gristmill.sandbox.conformance` proves."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from gristmill.sandbox.records import Job, Profile, Report, SandboxInfo

__all__ = ["Sandbox", "SandboxFactory"]


@runtime_checkable
class Sandbox(Protocol):
    """One warm worker of one profile. It runs one job at a time; a pool holds several.

    Entering starts the worker (container or bwrap process with the zygote inside); leaving kills it and
    everything in it. Both are idempotent.
    """

    @property
    def info(self) -> SandboxInfo:
        """Backend, image digest and coverage; valid after entering."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def run(
        self, job: Job, sockets: Sequence[socket.socket] = (), enough: Callable[[bytes], bool] | None = None
    ) -> Report:
        """Run one job to its end and return what happened.

        `sockets` are handed to the child (SCM_RIGHTS) and closed on this side; the child finds them as
        ``context.sockets``. Whatever the job does, afterwards no process, thread or file of it is left.
        Cancelling the coroutine kills the job. `enough` is told each of its messages as it comes, and ends the job
        by returning True; the report then says that it was killed.

        Raises:
            SandboxError: the worker was lost (killed container, broken channel); nothing may be concluded
                about the job, and the worker must be replaced.
        """
        ...


class SandboxFactory(Protocol):
    """Makes workers of one backend; what `Pool` is given."""

    backend: str

    def create(self, profile: Profile) -> Sandbox:
        """A worker that has not been entered yet."""
        ...
