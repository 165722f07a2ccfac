"""Workers that are kept warm: started on demand, one profile each, handed out to one job at a time.

A worker that served a first run never serves a confirming one: the two come from separate sets (`fresh`), so a
confirmation always runs in another container and another pid namespace than the run that it confirms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from gristmill.sandbox.base import Sandbox, SandboxFactory
from gristmill.sandbox.errors import SandboxError, WorkerLostError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, SandboxInfo

if TYPE_CHECKING:
    from gristmill.sandbox.base import Template

__all__ = ["HeldWorker", "WarmWorkers", "canary"]

# Thirty seconds: an engine that is restarted loads what it has stored before it answers.
RESTART_PAUSES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 4.0, 4.0, 5.0, 5.0)
# So often is a worker started that is lost before it has shown that it is well.
LOST_STARTS = 3

T = TypeVar("T")
Shelf: TypeAlias = tuple[Profile, bool]

log = logging.getLogger(__name__)


@dataclass(eq=False)
class HeldWorker:
    """A worker that one job holds; give it back with `WarmWorkers.give` or throw it away with `drop`."""

    sandbox: Sandbox
    profile: Profile
    fresh: bool
    jobs: int = field(default=0)
    template: HeldWorker | None = None

    @property
    def shelf(self) -> Shelf:
        """Where it stands while idle."""
        return self.profile, self.fresh


class WarmWorkers:
    """All the workers of one pool.

    Args:
        factory: what makes a worker.
        most: how many workers may exist at a time, without those that are forked from a template; to start another
            one, the idle worker that has waited longest is stopped. Busy workers are never stopped, so the number may
            be exceeded while all are busy.
        jobs_each: a worker is replaced by a new one after this many jobs.
    """

    def __init__(self, factory: SandboxFactory, most: int, jobs_each: int = 20_000) -> None:
        self._factory = factory
        self._most = most
        self._jobs_each = jobs_each
        self._idle: list[HeldWorker] = []
        self._all: set[HeldWorker] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._coming: dict[Shelf, list[asyncio.Task[HeldWorker]]] = {}
        self._infos: dict[Profile, SandboxInfo] = {}
        self._patient = False
        self._closed = False
        self._clones = bool(getattr(factory, "clones", False))
        self.listeners: list[Callable[[str], None]] = []
        """Hear of workers that were lost or did not start, and why; they must return at once and not raise."""

    def info(self, profile: Profile) -> SandboxInfo | None:
        """What is known of the profile's workers; None before the first one has started."""
        return self._infos.get(profile)

    def tell(self, trouble: str) -> None:
        """Tell whoever listens."""
        for listener in self.listeners:
            listener(trouble)

    def __len__(self) -> int:
        return len(self._all)

    async def take(self, profile: Profile, *, fresh: bool = False, checked: bool = False) -> HeldWorker:
        """An idle worker of the profile, the one that rested longest, or a new one that has passed its canary.

        `checked` asks the idle one for a canary too: after trouble, other workers may be as dead as the lost one.

        Raises:
            SandboxError: no worker could be started, or the new one failed its canary.
        """
        shelf = (profile, fresh)
        while True:
            if self._closed:
                raise SandboxError("the sandbox pool is closed; open a new one")
            if (held := self._idle_one(shelf)) is not None:
                if not getattr(held.sandbox, "healthy", True):
                    self.tell("an idle worker was lost")
                    await self.drop(held)
                elif not checked or await self.is_well(held):
                    return held
            elif coming := self._coming.get(shelf):
                with contextlib.suppress(SandboxError):
                    return await self._join(coming.pop(), shelf)
            else:
                while sum(each.template is None for each in self._all) >= self._most and self._idle:
                    await self.drop(self._idle[0])
                return await self._join(self._spawn(self._start_patiently(profile, fresh)), shelf)

    async def new(self, profile: Profile) -> HeldWorker:
        """A worker that nobody has used, for one who throws it away with `drop` and never gives it back.

        Where that can be had it is forked from a template, which no job has been in, and has its namespaces to itself.

        Raises:
            SandboxError: none could be started.
        """
        if self._closed:
            raise SandboxError("the sandbox pool is closed; open a new one")
        if self._clones:
            template = await self.take(profile.model_copy(update={"template": True}), fresh=True)
            try:
                return await self._start(profile, fresh=True, template=template)
            except SandboxError as error:
                self._clones = isinstance(error, WorkerLostError)
                log.info("a sandbox worker was not forked from a template but started whole: %s", error)
                if template in self._idle:  # another one may have taken it meanwhile, and forks from it
                    await self.drop(template)
        return await self._start_patiently(profile, fresh=True)

    def give(self, held: HeldWorker) -> None:
        """Take a worker back that is known to be well, or has been dropped already."""
        held.jobs += 1
        if held not in self._all:
            return
        if self._closed or held.jobs >= self._jobs_each:
            self._spawn(self.drop(held))
        else:
            self._idle.append(held)

    def give_after_check(self, held: HeldWorker) -> None:
        """Take a worker back whose job was cancelled: it is used again only if it passes a canary."""
        self._let_come(self._spawn(self._check(held)), held.shelf)

    async def drop(self, held: HeldWorker) -> None:
        """Stop a worker and everything in it."""
        self._all.discard(held)
        if held in self._idle:
            self._idle.remove(held)
        await _stop(held.sandbox)
        if held.template is not None:
            self.give(held.template)

    async def close(self) -> None:
        """Stop all workers, busy ones too; nothing of them is left afterwards."""
        self._closed = True
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        held, self._idle = list(self._all), []
        self._all.clear()
        await asyncio.gather(*(_stop(each.sandbox) for each in held))

    def _idle_one(self, shelf: Shelf) -> HeldWorker | None:
        # The one that has rested longest: one that has just ended a job is still making its next child ready.
        for place, held in enumerate(self._idle):
            if held.shelf == shelf:
                return self._idle.pop(place)
        return None

    async def _join(self, task: asyncio.Task[HeldWorker], shelf: Shelf) -> HeldWorker:
        """Wait for a worker that is on its way. A caller that is cancelled leaves it to the next one who asks."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise SandboxError("the sandbox pool was closed while a worker was on its way") from None
            self._let_come(task, shelf)
            raise

    def _let_come(self, task: asyncio.Task[HeldWorker], shelf: Shelf) -> None:
        """Let a worker arrive that nobody waits for; until then it can be joined."""

        def arrived(done: asyncio.Task[HeldWorker]) -> None:
            if done in self._coming[shelf]:
                self._coming[shelf].remove(done)
                if not done.cancelled() and done.exception() is None:
                    self._idle.append(done.result())

        self._coming.setdefault(shelf, []).append(task)
        task.add_done_callback(arrived)

    async def _start_patiently(self, profile: Profile, fresh: bool) -> HeldWorker:
        """Start a worker; where some have run before, outlast a restart of the engine.

        One that is lost before its first job, because somebody killed it, is replaced like one that is lost in it.
        If waiting was in vain, nobody waits so long again until a worker has started: a machine that has lost its
        engine for good says so soon, however many jobs there are.
        """
        pauses, losses = iter(RESTART_PAUSES), 0
        while True:
            try:
                return await self._start(profile, fresh)
            except SandboxError as error:
                losses += isinstance(error, WorkerLostError)
                pause = next(pauses, None) if self._patient else None
                if pause is None and isinstance(error, WorkerLostError) and losses < LOST_STARTS:
                    pause = 0.0
                if pause is None or self._closed:
                    self._patient = False
                    raise
                log.warning("a sandbox worker did not start, trying again in %.1f s: %s", pause, error)
                self.tell(f"a worker did not start, and it was tried again: {error}")
            await asyncio.sleep(pause)

    async def _start(self, profile: Profile, fresh: bool, template: HeldWorker | None = None) -> HeldWorker:
        sandbox = cast("Template", template.sandbox).clone() if template else self._factory.create(profile)
        held = HeldWorker(sandbox, profile, fresh, template=template)
        self._all.add(held)
        try:
            await held.sandbox.__aenter__()
            if not profile.template:
                await canary(held.sandbox)
            if self._closed:
                raise SandboxError("the sandbox pool was closed while a worker was starting")
        except BaseException:
            await asyncio.shield(self.drop(held))
            raise
        self._infos[profile] = held.sandbox.info
        self._patient = True
        return held

    async def _check(self, held: HeldWorker) -> HeldWorker:
        held.jobs += 1
        if held.jobs < self._jobs_each and await self.is_well(held):
            return held
        await self.drop(held)
        raise SandboxError("a worker whose job was cancelled is not well")

    async def is_well(self, held: HeldWorker) -> bool:
        """Whether a worker passes a canary; one that does not is dropped."""
        try:
            await canary(held.sandbox)
        except SandboxError as error:
            self.tell(f"an idle worker was not well: {error}")
            await self.drop(held)
            return False
        except BaseException:
            await asyncio.shield(self.drop(held))
            raise
        return True

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; other trouble shows again at the next start


async def canary(sandbox: Sandbox) -> None:
    """Prove that a worker is well: a tiny job must echo a number that it could not have known.

    Raises:
        SandboxError: it did not.
    """
    nonce = secrets.token_hex(8)
    job = Job(
        program="gristmill.sandbox.guest.canary:echo",
        request=nonce,
        limits=Limits(wall_seconds=60, cpu_seconds=10, memory_mb=1024, processes=4),
    )
    report = await sandbox.run(job)
    if report.ending is not Ending.FINISHED or not any(nonce.encode() in frame for frame in report.messages):
        detail = report.stderr[-2000:].decode(errors="replace").strip()
        raise SandboxError(f"a new sandbox worker failed its canary job: {report.ending}; {detail or 'no output'}")


async def _stop(sandbox: Sandbox) -> None:
    """Leave a sandbox; trouble while leaving is logged, as nothing depends on that worker any more."""
    try:
        await sandbox.__aexit__(None, None, None)
    except SandboxError as error:
        log.warning("a sandbox worker could not be stopped cleanly: %s", error)
