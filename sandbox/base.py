"""The contract that every sandbox backend keeps, and that `gristmill.sandbox.conformance` proves."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report, SandboxInfo
from gristmill.sandbox.wire.channel import DEFAULT_LIMIT

__all__ = ["Jobs", "Sandbox", "SandboxFactory", "Session", "Telling", "Template"]


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


class Template(Sandbox, Protocol):
    """A worker of a profile with `Profile.template`: it has imported all, runs no jobs, and is forked into workers."""

    def clone(self) -> Sandbox:
        """A worker with namespaces and files of its own, not entered yet; one at a time.

        Entering it raises `SandboxError` where this machine has no namespaces to give.
        """
        ...


class SandboxFactory(Protocol):
    """Makes workers of one backend; what `Pool` is given. Where its workers can be templates, it says `clones`."""

    backend: str

    def create(self, profile: Profile) -> Sandbox:
        """A worker that has not been entered yet."""
        ...


class Session(Protocol):
    """A job that runs while you talk to it: messages go to and come from its ``context.sockets[0]``."""

    def call(self, data: bytes, *, seconds: float, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Send the job one message and wait for one of at most `limit` bytes; None if it has hung up.

        Blocking, and meant for one thread. `seconds` bounds both ways together, also where bytes drip: the job
        can hold nobody up for longer. What comes back is untrusted.

        Raises:
            TimeoutError: `seconds` have passed.
            ChannelError: what came is no message, or longer than `limit`.

        After either the job counts as hung up: where the next message begins is no longer known.
        """
        ...

    async def report(self, grace: float = ...) -> Report:
        """Hang up, give the job `grace` seconds to end by itself, kill it if it has not, and say how it ended.

        Raises:
            SandboxError: the worker was lost; nothing may be concluded about the job. Hold another session with it:
                if its worker is lost again and again, that is a report.
        """
        ...


@runtime_checkable
class Telling(Protocol):
    """Jobs that tell of trouble with their workers, which is outlasted, so that no job's report says it."""

    def telling(self, listener: Callable[[str], None]) -> AbstractContextManager[None]:
        """While the block lasts, tell of each worker that was lost or did not start, and why, whoever's job it was for.

        `listener` is called on the event loop's thread; it must return at once and not raise.
        """
        ...


class Jobs(Protocol):
    """Runs jobs behind the wall, many at a time: what everything that stands on the sandbox is given.

    `gristmill.sandbox.Pool` is the one on this machine. The methods' contracts are told there.
    """

    @property
    def size(self) -> int:
        """Jobs (or pairs, or sessions) that run at a time; more wait their turn."""
        ...

    def info(self, profile: Profile = CANDIDATE) -> SandboxInfo:
        """Which wall stands around the profile's jobs."""
        ...

    async def run(
        self,
        job: Job,
        profile: Profile = CANDIDATE,
        *,
        fresh: bool = False,
        enough: Callable[[bytes], bool] | None = None,
    ) -> Report:
        """Run one job to its end."""
        ...

    async def pair(
        self,
        candidate: Job,
        judge: Job,
        *,
        profile: Profile = CANDIDATE,
        judge_profile: Profile,
        fresh: bool = False,
        beside: tuple[Job, Profile] | None = None,
    ) -> tuple[Report, Report]:
        """Run a candidate and its judge at once, joined by a socket of their own, and a job beside to compare with."""
        ...

    def alone(self, profile: Profile) -> AbstractAsyncContextManager[Callable[[Job], Awaitable[Report]]]:
        """Run jobs in a worker that has served nothing else; leaving throws it away."""
        ...

    def session(
        self, job: Job, profile: Profile = CANDIDATE, *, fresh: bool = False
    ) -> AbstractAsyncContextManager[Session]:
        """Start a job and talk to it; leaving kills it."""
        ...
