"""What every backend's sandbox is once its wall stands: one worker that runs jobs, and what is known of it."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType

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

    @abstractmethod
    async def _leave(self) -> None:
        """Take the wall down, and everything behind it. Idempotent."""
