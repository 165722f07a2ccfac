"""Workers that are forked from a template: as walled in as whole ones, one at a time, and gone when they are left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pytest

from gristmill.sandbox import Ending, FakeFactory, Job, Pool, Profile, Report, SandboxError, candidate_profile
from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory, BubblewrapSandbox
from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.backends.fake import FakeSandbox
from gristmill.sandbox.base import Sandbox, SandboxFactory, Template
from gristmill.sandbox.conformance import ISOLATION, LEAVING, check
from gristmill.sandbox.errors import WorkerLostError
from gristmill.sandbox.records import SandboxInfo
from gristmill.sandbox.workers.warm import HeldWorker, WarmWorkers

PROBING = candidate_profile(guest=("gristmill.sandbox.guest.probe",))


def probe(source: str) -> Job:
    return Job(program="gristmill.sandbox.guest.probe:run", request=source)


class Cloned:
    """A worker that is forked anew from one template for every job, for suites that make their workers themselves."""

    def __init__(self, factory: SandboxFactory, profile: Profile) -> None:
        self._template = cast("Template", factory.create(profile.model_copy(update={"template": True})))
        self._clone = self._template.clone()
        self._jobs = 0

    @property
    def info(self) -> SandboxInfo:
        return self._clone.info

    async def __aenter__(self) -> Self:
        await self._template.__aenter__()
        await self._clone.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._clone.__aexit__(kind, error, trace)
        await self._template.__aexit__(kind, error, trace)

    async def run(
        self, job: Job, sockets: Sequence[socket.socket] = (), enough: Callable[[bytes], bool] | None = None
    ) -> Report:
        if self._jobs:
            await self._clone.__aexit__(None, None, None)
            self._clone = self._template.clone()
            await self._clone.__aenter__()
        self._jobs += 1
        return await self._clone.run(job, sockets, enough)


class Clones:
    """Makes such workers."""

    def __init__(self, factory: SandboxFactory) -> None:
        self.backend = factory.backend
        self._factory = factory

    def create(self, profile: Profile) -> Sandbox:
        return Cloned(self._factory, profile)


class Noting:
    """Notes what the factory makes."""

    def __init__(self, factory: SandboxFactory) -> None:
        self.backend, self.clones = factory.backend, getattr(factory, "clones", False)
        self.made: list[Any] = []
        self._factory = factory

    def create(self, profile: Profile) -> Sandbox:
        self.made.append(self._factory.create(profile))
        return cast("Sandbox", self.made[-1])


@pytest.mark.docker
@pytest.mark.bubblewrap
@pytest.mark.third_on_docker
@pytest.mark.parametrize("name", [each.__name__ for each in (*ISOLATION, *LEAVING)])
async def test_a_clone_keeps_the_rules_of_workers(backend: str, name: str) -> None:
    (result,) = await check(Clones(await choose_factory(backend)), names=[name])
    assert result.acceptable, f"{result.rule} {result.detail}"


def inside(pid: int) -> set[int]:
    """All processes that came of one, that one left out."""
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child)} | inside(int(child))
    return found


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the kernel has no event for it
        await asyncio.sleep(0.01)


async def test_nothing_of_a_clone_is_left_and_the_next_one_is_another(bubblewrap: str) -> None:
    factory = BubblewrapFactory()
    if not factory.clones:
        pytest.skip("jobs cannot have users of their own here")
    template = factory.create(PROBING.model_copy(update={"template": True}))
    async with template:
        assert template.pid is not None
        alone = inside(template.pid)
        living: list[set[int]] = []
        for _ in range(2):
            async with template.clone() as clone:
                # A job that is still at it when the worker is left.
                running = asyncio.create_task(clone.run(probe("__import__('time').sleep(60)")))
                # Its zygote, and a first process and a job.
                await until(partial(lambda pid: len(inside(pid) - alone) >= 3, template.pid))
                living.append(inside(template.pid) - alone)
            assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], WorkerLostError)
            await until(partial(lambda pid: inside(pid) == alone, template.pid))
        assert not living[0] & living[1]


async def test_a_template_that_forks_again_has_ended_the_last_clone_first(bubblewrap: str) -> None:
    factory = BubblewrapFactory()
    if not factory.clones:
        pytest.skip("jobs cannot have users of their own here")
    async with factory.create(PROBING.model_copy(update={"template": True})) as template:
        first, second = template.clone(), template.clone()
        async with first:
            assert (await first.run(probe("context.send(1)"))).messages
            async with second:
                with pytest.raises(WorkerLostError):
                    await first.run(probe("context.send(1)"))
                assert (await second.run(probe("context.send(2)"))).messages


@pytest.mark.docker
@pytest.mark.bubblewrap
async def test_what_is_thrown_away_comes_of_templates_that_run_no_job_of_their_own(backend: str) -> None:
    factory = Noting(await choose_factory(backend))
    async with Pool(factory, size=2) as pool:

        async def two_jobs() -> None:
            async with pool.alone(PROBING) as run:
                for number in range(2):
                    report = await run(probe(f"context.send({number})"))
                    assert report.messages == (str(number).encode(),)

        await asyncio.gather(*(two_jobs() for _ in range(5)))
    # One for each that was thrown away at the same time, and no worker that was started whole.
    assert [made.profile.template for made in factory.made] == [True] * len(factory.made)
    assert 1 <= len(factory.made) <= 2


async def test_a_template_that_was_killed_costs_no_job(bubblewrap: str) -> None:
    factory = Noting(BubblewrapFactory())
    if not factory.clones:
        pytest.skip("jobs cannot have users of their own here")
    async with Pool(factory, size=1) as pool, pool.alone(PROBING) as run:
        assert (await run(probe("context.send(1)"))).messages
        (template,) = factory.made
        assert isinstance(template, BubblewrapSandbox)
        assert template.pid is not None
        for pid in (*inside(template.pid), template.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert (await run(probe("context.send(2)"))).messages == (b"2",)


class Unclonable(FakeSandbox):
    def clone(self) -> Sandbox:
        return self

    async def __aenter__(self) -> Self:
        if self.entered:
            raise SandboxError("no namespaces")
        return await super().__aenter__()


async def test_where_nothing_can_be_forked_workers_are_started_whole_and_nobody_asks_again() -> None:
    report = Report(ending=Ending.FINISHED, exit_status=0, seconds=0.0)
    factory = FakeFactory(lambda job, sockets: report)
    made: list[Profile] = []

    class Factory:
        backend, clones = "fake", True

        def create(self, profile: Profile) -> Sandbox:
            made.append(profile)
            return Unclonable(profile, lambda job, sockets: report) if profile.template else factory.create(profile)

    async with Pool(Factory(), size=1) as pool:
        for _ in range(2):
            async with pool.alone(PROBING) as run:
                assert await run(probe("")) == report
    assert [profile.template for profile in made] == [True, False, False]


async def test_a_template_that_somebody_else_has_taken_meanwhile_is_left_to_them() -> None:
    report = Report(ending=Ending.FINISHED, exit_status=0, seconds=0.0)
    refused = [WorkerLostError("refused once")]

    class Clone(FakeSandbox):
        async def __aenter__(self) -> Self:
            if refused:
                raise refused.pop()
            return await super().__aenter__()

    class Templating(FakeSandbox):
        def clone(self) -> Sandbox:
            return Clone(PROBING, lambda job, sockets: report)

    class Factory:
        backend, clones = "fake", True

        def create(self, profile: Profile) -> Sandbox:
            return (Templating if profile.template else FakeSandbox)(profile, lambda job, sockets: report)

    class Workers(WarmWorkers):
        rival: asyncio.Task[HeldWorker] | None = None

        def give(self, held: HeldWorker) -> None:
            super().give(held)
            self.rival = self.rival or asyncio.create_task(self.new(PROBING))

    workers = Workers(Factory(), most=4)
    try:
        first = await workers.new(PROBING)
        assert workers.rival is not None
        forked = (await workers.rival).template
        assert first.template is None
        assert forked is not None
        assert isinstance(forked.sandbox, FakeSandbox)
        assert forked.sandbox.entered
    finally:
        await workers.close()
