"""Jobs as they are, but how each that holds a candidate has ended is noted.

Against an attempt that nobody remembers: a verifier reads of a report what it needs, and the rest would be lost. Of
jobs in a worker to throw away (`alone`) nothing is noted: one bit leaves the consistency run, and no more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report, SandboxInfo
from gristmill.verifiers.incidents.noting import note_report

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs, Session

__all__ = ["WatchedJobs"]


class WatchedJobs:
    """A pool's jobs. Whoever holds a `session` notes its report by `note_report`.

    Args:
        pool: which runs them.
    """

    def __init__(self, pool: Jobs) -> None:
        self._pool = pool

    @property
    def size(self) -> int:
        """See `Jobs.size`."""
        return self._pool.size

    def info(self, profile: Profile = CANDIDATE) -> SandboxInfo:
        """See `Jobs.info`."""
        return self._pool.info(profile)

    async def run(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> Report:
        """See `Jobs.run`."""
        report = await self._pool.run(job, profile, **how)
        if not profile.name.startswith("judge"):
            note_report(report)
        return report

    async def pair(self, candidate: Job, judge: Job, **how: Any) -> tuple[Report, Report]:
        """See `Jobs.pair`."""
        reports = await self._pool.pair(candidate, judge, **how)
        note_report(reports[0])
        return reports

    def alone(self, profile: Profile) -> AbstractAsyncContextManager[Callable[[Job], Awaitable[Report]]]:
        """See `Jobs.alone`."""
        return self._pool.alone(profile)

    def session(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> AbstractAsyncContextManager[Session]:
        """See `Jobs.session`."""
        return self._pool.session(job, profile, **how)
