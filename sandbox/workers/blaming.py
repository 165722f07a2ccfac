"""Whose fault is a lost worker: the machine's, or the job's that ran in it?

A loss says nothing by itself, so the job is run again. Before the loss that would make it guilty, an idle worker of
the same kind, a witness, is held beside it. If the job's worker is lost while the witness stays well, the trouble
belongs to the job; if both are lost, as when the engine is restarted, it belongs to the machine and does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Profile, Report
from gristmill.sandbox.workers.warm import HeldWorker, WarmWorkers

__all__ = ["LOSSES", "Trial", "Try"]

LOSSES = 3
# An engine that shuts down takes its containers one after another; only then may the witness be asked.
SETTLING_SECONDS = 0.5
# Trouble of the machine is outlasted by waiting for a new worker; this ends it where workers start and are lost again.
MOST_TRIES = 12


@dataclass
class Try:
    """One run of a job that is on trial; `repeated` and `last` say which."""

    trial: Trial
    witness: HeldWorker | None
    repeated: bool
    last: bool

    async def lost(self, trouble: SandboxError) -> bool:
        """The job's worker was lost: whether the job is guilty now. If not, run it again.

        Raises:
            SandboxError: it has been run often enough; the machine is at fault, and nothing may be concluded.
        """
        return await self.trial.lost(self.witness, trouble)


class Trial:
    """The losses of one job.

    Args:
        workers: where witnesses come from.
        profile: what kind of worker the job needs.
        fresh: whether it runs in workers that confirm.
    """

    def __init__(self, workers: WarmWorkers, profile: Profile, *, fresh: bool) -> None:
        self._workers = workers
        self._profile = profile
        self._fresh = fresh
        self._losses = 0
        self._tries = 0
        self._begun = time.monotonic()

    @property
    def suspected(self) -> bool:
        """Whether the job has lost a worker, and has not been found guilty."""
        return 0 < self._losses < LOSSES

    @contextlib.asynccontextmanager
    async def next_try(self) -> AsyncIterator[Try]:
        """Surround one run of the job with this.

        Raises:
            SandboxError: no healthy witness can be had.
        """
        witness, last = None, self._losses == LOSSES - 1
        if last:
            witness = await self._workers.take(self._profile, fresh=self._fresh, checked=True)
        try:
            yield Try(self, witness, repeated=self._tries > 0, last=last)
        finally:
            if witness is not None:
                self._workers.give(witness)

    async def lost(self, witness: HeldWorker | None, trouble: SandboxError) -> bool:
        """See `Try.lost`."""
        self._tries += 1
        self._workers.tell(f"a worker was lost in a job: {trouble}")
        if witness is not None:
            await asyncio.sleep(SETTLING_SECONDS)
        if witness is None or await self._workers.is_well(witness):
            self._losses += 1
        if self._losses >= LOSSES:
            return True
        if self._tries >= MOST_TRIES:
            raise trouble
        return False

    def blame(self, trouble: Report | SandboxError) -> Report:
        """What is reported of a guilty job."""
        reason = trouble if isinstance(trouble, SandboxError) else "while a judge listened to it"
        note = f"its worker was lost {LOSSES} times, at last beside one that stayed well: {reason}"
        return Report(ending=Ending.FAILED, seconds=time.monotonic() - self._begun, note=note)
