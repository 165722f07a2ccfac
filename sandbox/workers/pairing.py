"""A candidate and its judge as two jobs with a line between them; and, where time is compared, a reference beside."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Job, Profile, Report
from gristmill.sandbox.workers.running import GRACE_SECONDS, end, kill
from gristmill.sandbox.workers.warm import HeldWorker, WarmWorkers

__all__ = ["Part", "run_joined", "take_workers"]

Start = Callable[[HeldWorker, Job, Sequence[socket.socket]], "asyncio.Task[Report]"]


class Part(NamedTuple):
    """A job, and the worker that is held for it."""

    held: HeldWorker
    job: Job


async def take_workers(
    workers: WarmWorkers, wanted: Sequence[tuple[Job, Profile, bool]], *, checked: bool
) -> list[Part]:
    """A worker for each (job, profile, fresh), or for none of them."""
    parts: list[Part] = []
    try:
        for job, profile, fresh in wanted:
            parts.append(Part(await workers.take(profile, fresh=fresh, checked=checked), job))
    except BaseException:
        for part in parts:
            workers.give(part.held)
        raise
    return parts


async def run_joined(
    start: Start, judge: Part, candidate: Part, beside: Sequence[Part], *, last: bool
) -> tuple[Report | SandboxError, Report | SandboxError]:
    """What came of candidate and judge. The judge's sockets: each part's line, and its clock if it is `clocked`."""
    begun = time.monotonic()
    given: list[list[socket.socket]] = []
    kept: list[socket.socket] = []
    for part in (candidate, *beside):
        pairs = [socket.socketpair() for _ in range(2 if part.job.clocked else 1)]
        given.append([near for near, _ in pairs])
        kept += [far for _, far in pairs]
    tried, *others = [start(*part, lines) for part, lines in zip((candidate, *beside), given, strict=True)]
    judged = start(*judge, kept)
    try:
        waiting = {tried, judged, *others}
        while not judged.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            lost = [each for each in done if each is not judged and _trouble(each) is not None]
            if lost and (not last or lost != [tried]):
                await kill(judged)
        first: Report | SandboxError
        try:
            first = await end(tried, begun, GRACE_SECONDS, "killed when its judge ended")
        except SandboxError as error:
            first = error
        if trouble := next((each for each in map(_trouble, others) if isinstance(each, SandboxError)), None):
            return first, trouble
        if judged.cancelled():
            return first, SandboxError("its candidate's worker was lost")
        failure = judged.exception()
        if failure is None:
            return first, judged.result()
        if isinstance(failure, SandboxError):
            return first, failure
        raise failure
    finally:
        await asyncio.gather(*map(kill, (tried, judged, *others)))


def _trouble(job: asyncio.Task[Report]) -> BaseException | None:
    return job.exception() if job.done() and not job.cancelled() else None
