"""A sandbox that runs nothing: it plays back reports, for tests of whatever stands on a sandbox.

`FakeFactory(answer)` goes where `DockerFactory()` would. `answer` is either a function from the job (and the sockets
it was handed) to a report, or a list of reports and errors that are given out in order over all workers.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Job, Profile, Report, SandboxInfo

__all__ = ["FakeFactory", "FakeSandbox", "Script", "Scripted"]

Scripted = Report | SandboxError
Script = Callable[[Job, Sequence[socket.socket]], Scripted | Awaitable[Scripted]] | list[Scripted]

CANARY = "gristmill.sandbox.guest.canary:echo"


class FakeSandbox:
    """One pretended worker; `jobs` lists what it was asked to run, canaries left out."""

    def __init__(self, profile: Profile, answer: Script) -> None:
        self.profile = profile
        self.jobs: list[Job] = []
        self.entered = False
        self._answer = answer
        self._lost = False

    @property
    def info(self) -> SandboxInfo:
        """Says plainly that there is no wall."""
        return SandboxInfo(backend="fake", image="none", gaps=("nothing is run, so nothing is enforced",))

    async def __aenter__(self) -> Self:
        self.entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered = False

    async def run(
        self, job: Job, sockets: Sequence[socket.socket] = (), enough: Callable[[bytes], bool] | None = None
    ) -> Report:
        """Give the next scripted report; an error in the script is raised, and this worker stays lost."""
        await asyncio.sleep(0)
        try:
            outcome = await self._outcome(job, sockets)
        finally:
            for each in sockets:
                each.close()
        if isinstance(outcome, SandboxError):
            self._lost = True
            raise outcome
        return outcome

    async def _outcome(self, job: Job, sockets: Sequence[socket.socket]) -> Scripted:
        if not self.entered or self._lost:
            return SandboxError("this fake worker is not running")
        if job.program == CANARY:
            return Report(ending=Ending.FINISHED, exit_status=0, messages=(str(job.request).encode(),), seconds=0.0)
        self.jobs.append(job)
        if isinstance(self._answer, list):
            return self._answer.pop(0) if self._answer else SandboxError("the fake sandbox has no report left")
        outcome = self._answer(job, sockets)
        return await outcome if inspect.isawaitable(outcome) else outcome


class FakeFactory:
    """Makes fake workers that share one script; `workers` lists all that were made."""

    backend = "fake"

    def __init__(self, answer: Script) -> None:
        self.workers: list[FakeSandbox] = []
        self._answer = answer

    def create(self, profile: Profile) -> FakeSandbox:
        """A worker that has not been entered yet."""
        self.workers.append(FakeSandbox(profile, self._answer))
        return self.workers[-1]
