"""What every backend's sandbox is once its wall stands: one worker that runs jobs, and what is known of it."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Job, Profile, Report, SandboxInfo
from gristmill.sandbox.workers.worker import Worker

__all__ = ["WarmedSandbox"]


class WarmedSandbox(ABC):
    """One warm worker of one profile; see `gristmill.sandbox.base.Sandbox`. A backend adds how to enter and leave."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._worker: Worker | None = None
        self._info: SandboxInfo | None = None

    @property
    def info(self) -> SandboxInfo:
        """Backend, digest of the image, and coverage; valid after entering."""
        if self._info is None:
            raise SandboxError("this sandbox has not been entered yet")
        return self._info

    @property
    def healthy(self) -> bool:
        """Whether another job can be run here."""
        return self._worker is not None and self._worker.healthy

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._leave())

    async def run(
        self, job: Job, sockets: Sequence[socket.socket] = (), enough: Callable[[bytes], bool] | None = None
    ) -> Report:
        """Run one job to its end; see `gristmill.sandbox.base.Sandbox.run`."""
        if self._worker is None:
            for each in sockets:
                each.close()
            raise SandboxError("this sandbox is not running; enter it first")
        return await self._worker.run(job, sockets, enough)

    def clone(self) -> ClonedSandbox:
        """A worker that this one, of a template's profile, will be forked into; there is one at a time."""
        return ClonedSandbox(self)

    async def _fork(self) -> Worker:
        if self._worker is None:
            raise SandboxError("this template is not running; enter it first")
        return await self._worker.clone()

    def _end_fork(self) -> None:
        if self._worker is not None:
            self._worker.end_clone()

    @abstractmethod
    async def _leave(self) -> None:
        """Take the wall down, and everything behind it. Idempotent."""


class ClonedSandbox(WarmedSandbox):
    """A worker that is forked from a template, within namespaces of its own, and ends when it is left."""

    def __init__(self, template: WarmedSandbox) -> None:
        super().__init__(template.profile.model_copy(update={"template": False}))
        self._template = template

    async def __aenter__(self) -> Self:
        if self._worker is None:
            try:
                self._worker = await self._template._fork()
            except BaseException:
                self._template._end_fork()
                raise
            info = self._template.info
            covers, gaps = (*info.covers, *self._worker.covers), (*info.gaps, *self._worker.gaps)
            self._info = info.model_copy(update={"covers": covers, "gaps": gaps})
        return self

    async def _leave(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
            self._template._end_fork()
