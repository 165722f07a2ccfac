"""Warm workers for many jobs at once: `run` one job, `pair` a candidate with its judge, or hold a `session`.

Trouble is told apart from failure here (DESIGN §3.8). A lost worker says nothing about its job, so the job is run
again on a new worker that has first passed a canary. If the trouble follows the job from worker to worker, and others
stay well (`workers/blaming.py`), the job is its cause: that is a report (`Ending.FAILED` with a note), not an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.heard import JOB_LISTENER, tell_job
from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report, SandboxInfo
from gristmill.sandbox.sharing import FairSlots
from gristmill.sandbox.stopwatch import busy
from gristmill.sandbox.wire.values import encode
from gristmill.sandbox.workers.blaming import Trial
from gristmill.sandbox.workers.pairing import run_joined, take_workers
from gristmill.sandbox.workers.running import TalkingJob, kill
from gristmill.sandbox.workers.warm import HeldWorker, WarmWorkers

if TYPE_CHECKING:
    from gristmill.sandbox.backends.docker import DockerOptions

__all__ = ["Pool"]

# Sessions are run again by their callers; so many jobs' losses are remembered meanwhile.
_REMEMBERED = 1000


# A task that holds a session may run more jobs: they must not wait for the slot that the task itself holds.
_holds_slot: ContextVar[bool] = ContextVar("gristmill_pool_slot", default=False)


class Pool:
    """Warm workers of one backend, started as jobs need them.

    Args:
        factory: what makes a worker, e.g. `DockerFactory()` or `BubblewrapFactory()`.
        size: jobs (or pairs, or sessions) that run at a time; more wait their turn. None fits it to the machine's
            cores and memory.
    """

    def __init__(self, factory: SandboxFactory, *, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise UserError(f"the size of a sandbox pool must be at least 1, not {size}")
        self.size = size or fitting_size()
        self.backend = factory.backend
        # A slot may need a judge, a candidate, another worker that confirms, and a template of those to throw away.
        self._workers = WarmWorkers(factory, most=4 * self.size)
        self._slots = FairSlots(self.size)
        self._running: set[asyncio.Task[Report]] = set()
        self._trials: dict[object, Trial] = {}
        self._listener = JOB_LISTENER.get()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, backend: str = "auto", size: int | None = None, docker: DockerOptions | None = None
    ) -> AsyncIterator[Self]:
        """A pool on the named backend: ``docker``, ``bubblewrap``, or ``auto`` (Docker if an engine answers).

        `docker` says which image, OCI runtime and processor share containers get, if it comes to those.

        Raises:
            UserError: no backend has that name.
            SandboxError: that backend does not work here; the message says how to get one.
        """
        from gristmill.sandbox.backends.choosing import choose_factory

        async with cls(await choose_factory(backend, docker), size=size) as pool:
            yield pool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._workers.close()

    def info(self, profile: Profile = CANDIDATE) -> SandboxInfo:
        """Which wall stands around the profile's jobs; `image` is empty until its first worker has started."""
        return self._workers.info(profile) or SandboxInfo(backend=self.backend, image="")

    @contextlib.contextmanager
    def telling(self, listener: Callable[[str], None]) -> Iterator[None]:
        """See `gristmill.sandbox.base.Telling`."""
        self._workers.listeners.append(listener)
        try:
            yield
        finally:
            self._workers.listeners.remove(listener)

    async def run(
        self,
        job: Job,
        profile: Profile = CANDIDATE,
        *,
        fresh: bool = False,
        enough: Callable[[bytes], bool] | None = None,
    ) -> Report:
        """Run one job to its end. `fresh` runs it in a worker that first runs never use, to confirm one.

        `enough`: see `gristmill.sandbox.base.Sandbox.run`.

        Raises:
            SandboxError: no healthy worker can be had; nothing may be concluded about the job.
        """
        trial = Trial(self._workers, profile, fresh=fresh)
        async with self._slot():
            while True:
                async with trial.next_try() as current:
                    held = await self._workers.take(profile, fresh=fresh, checked=current.repeated)
                    try:
                        return await self._use(held, job, (), enough)
                    except SandboxError as error:
                        if await current.lost(error):
                            return trial.blame(error)

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
        """Run a candidate and its judge at once, in two workers, joined by a stream socket pair of their own.

        Both find it as ``context.sockets[0]``. When the judge ends, the candidate has a moment to end and is then
        killed; its report says so. The two reports come in the order of the arguments. If the judge's worker is
        lost again and again, both reports say FAILED: the candidate is the only thing that differed.

        `beside` is a job like the candidate's in a worker of its own, to compare it with, and what became of it is the
        judge's to say. The judge's sockets are the candidate's line and its clock, if it has one (`Job.clocked`), and
        likewise those of the job beside.

        Raises:
            SandboxError: no healthy worker can be had; nothing may be concluded about the candidate.
        """
        trial = Trial(self._workers, profile, fresh=fresh)
        async with self._slot():
            while True:
                async with trial.next_try() as current:
                    # A slot covers all that is taken here, so pairs cannot block each other.
                    wanted = [(judge, judge_profile, False), (candidate, profile, fresh)]
                    wanted += [(*beside, fresh)] if beside else []
                    parts = await take_workers(self._workers, wanted, checked=current.repeated)
                    first, second = await run_joined(self._start, parts[0], parts[1], parts[2:], last=current.last)
                    if isinstance(first, Report) and isinstance(second, Report):
                        return first, second
                    trouble = first if isinstance(first, SandboxError) else second
                    if isinstance(trouble, SandboxError) and await current.lost(trouble):
                        return trial.blame(first), second if isinstance(second, Report) else trial.blame(second)

    @contextlib.asynccontextmanager
    async def alone(self, profile: Profile) -> AsyncIterator[Callable[[Job], Awaitable[Report]]]:
        """Jobs, one after another, in a worker that has served nothing else and is thrown away afterwards.

        What is yielded runs one job to its end. The worker starts with the first job, and again where it is lost.

        Raises:
            SandboxError: from a job's run: no healthy worker can be had; nothing may be concluded about that job.
        """
        held: HeldWorker | None = None

        async def run(job: Job) -> Report:
            nonlocal held
            trial = Trial(self._workers, profile, fresh=True)
            while True:
                async with trial.next_try() as current:
                    held = held or await self._workers.new(profile)
                    try:
                        return await self._run_in(held, job)
                    except SandboxError as error:
                        lost, held = held, None
                        await self._workers.drop(lost)
                        if await current.lost(error):
                            return trial.blame(error)

        async with self._slot():
            try:
                yield run
            finally:
                if held is not None:
                    await asyncio.shield(self._workers.drop(held))

    @contextlib.asynccontextmanager
    async def session(
        self, job: Job, profile: Profile = CANDIDATE, *, fresh: bool = False
    ) -> AsyncIterator[TalkingJob]:
        """Start a job and talk to it by `Session.call`; leaving kills the job.

        Jobs that are run inside the block by the same task share the session's slot, so they cannot wait for it.

        Raises:
            SandboxError: no healthy worker can be had. A worker lost later shows as a job that has hung up, and is
                raised by `Session.report`.
        """
        key = (profile, fresh, job.program, encode(job.request))
        trial = self._trials.pop(key, None) or Trial(self._workers, profile, fresh=fresh)
        async with self._slot(), trial.next_try() as current:
            held = await self._workers.take(profile, fresh=fresh, checked=current.repeated)
            ours, theirs = socket.socketpair()
            running = self._start(held, job, (theirs,))
            outside = _holds_slot.get()
            _holds_slot.set(True)
            try:
                yield TalkingJob(ours, running, current)
            finally:
                # Not a reset by token: a fixture may leave this block in another context than it entered.
                _holds_slot.set(outside)
                await kill(running)
                # Closing alone wakes nobody: a thread that still waits for an answer would do so up to its limit.
                with contextlib.suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)
                ours.close()
                if trial.suspected:
                    self._trials[key] = trial
                while len(self._trials) > _REMEMBERED:
                    del self._trials[next(iter(self._trials))]

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if _holds_slot.get():
            yield
            return
        async with self._slots.slot():
            yield

    def _start(self, held: HeldWorker, job: Job, sockets: Sequence[socket.socket]) -> asyncio.Task[Report]:
        task = asyncio.create_task(self._use(held, job, sockets))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _use(
        self,
        held: HeldWorker,
        job: Job,
        sockets: Sequence[socket.socket],
        enough: Callable[[bytes], bool] | None = None,
    ) -> Report:
        """Run a job in a held worker and give the worker back, or throw it away if it is not well."""
        try:
            report = await self._run_in(held, job, sockets, enough)
        except asyncio.CancelledError:
            self._workers.give_after_check(held)
            raise
        except ValueError:
            # The request itself cannot cross: the caller's mistake, and the worker never saw it.
            self._workers.give(held)
            raise
        except BaseException:
            await self._workers.drop(held)
            raise
        self._workers.give(held)
        return report

    async def _run_in(
        self,
        held: HeldWorker,
        job: Job,
        sockets: Sequence[socket.socket] = (),
        enough: Callable[[bytes], bool] | None = None,
    ) -> Report:
        """Run a job in a held worker, and tell whoever listens how it ended."""
        began = time.time_ns()
        try:
            with busy():
                report = await held.sandbox.run(job, sockets, enough)
        except asyncio.CancelledError:
            tell_job(self._listener, job, self.backend, began, None)
            raise
        tell_job(self._listener, job, self.backend, began, report)
        return report


def fitting_size(worker_mb: int = 512) -> int:
    """Jobs that fit this machine at a time: one a core that we may use, and `worker_mb` of free memory for each."""
    cores = len(os.sched_getaffinity(0))
    pages, page = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores, pages * page // (worker_mb << 20)))
