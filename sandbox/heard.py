"""Who hears of jobs, for traces say. Of a job no request and no output is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from gristmill.sandbox.records import Ending, Job, Report

__all__ = ["JOB_LISTENER", "JOB_OWNERS", "JobRan", "tell_job"]


@dataclass(frozen=True, slots=True)
class JobRan:
    """A job that has ended, as it is told from outside."""

    program: str
    backend: str
    ending: Ending | None
    """None where it was killed because nobody needed it any more, as a job is that somebody has talked to."""
    began: int
    ended: int
    """Both in nanoseconds since the epoch."""
    cpu_seconds: float | None
    peak_memory_mb: float | None
    owners: tuple[str, ...] = ()
    """See `JOB_OWNERS`."""


JOB_LISTENER: ContextVar[Callable[[JobRan], None] | None] = ContextVar("JOB_LISTENER", default=None)
"""Hears of every job of pools that are made in its context; it must return at once and not raise."""

JOB_OWNERS: ContextVar[tuple[str, ...]] = ContextVar("JOB_OWNERS", default=())
"""What the jobs that are started in a context are for, ids of hypotheses say; empty where nobody has said it."""


def tell_job(
    listener: Callable[[JobRan], None] | None, job: Job, backend: str, began: int, report: Report | None
) -> None:
    """Tell whoever listens, if anybody does, of a job that began so many nanoseconds after the epoch."""
    if listener is not None:
        used = (report.ending, report.cpu_seconds, report.peak_memory_mb) if report is not None else (None, None, None)
        listener(JobRan(job.program, backend, used[0], began, time.time_ns(), used[1], used[2], JOB_OWNERS.get()))
