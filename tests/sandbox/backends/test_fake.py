"""The fake sandbox plays back what it was told and says that it is no wall."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from gristmill.sandbox import Ending, FakeFactory, Job, Pool, Profile, Report, Sandbox, SandboxError

PROFILE = Profile(name="candidate")


def report(text: bytes = b"") -> Report:
    return Report(ending=Ending.FINISHED, exit_status=0, stdout=text, seconds=0.01)


def job(request: object = None) -> Job:
    return Job(program="x:y", request=request)


async def test_a_list_of_reports_is_given_out_in_order_over_all_workers() -> None:
    factory = FakeFactory([report(b"1"), report(b"2"), report(b"3")])
    async with factory.create(PROFILE) as one, factory.create(PROFILE) as two:
        answers = [await worker.run(job()) for worker in (one, two, one)]
    assert [answer.stdout for answer in answers] == [b"1", b"2", b"3"]
    assert [len(worker.jobs) for worker in factory.workers] == [2, 1]


async def test_a_function_sees_the_job_and_may_talk_over_its_sockets() -> None:
    def answer(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        sockets[0].sendall(b"hello " + asked.request)
        return report()

    async with FakeFactory(answer).create(PROFILE) as worker:
        ours, theirs = socket.socketpair()
        with ours:
            await worker.run(job(b"judge"), [theirs])
            assert ours.recv(100) == b"hello judge"
            assert ours.recv(100) == b"", "the handed-over socket was not closed on our side"


async def test_a_scripted_error_loses_the_worker_for_good() -> None:
    async with FakeFactory([SandboxError("gone"), report()]).create(PROFILE) as worker:
        for _ in range(2):
            with pytest.raises(SandboxError):
                await worker.run(job())


async def test_a_worker_that_was_not_entered_refuses_jobs() -> None:
    with pytest.raises(SandboxError, match="not running"):
        await FakeFactory([report()]).create(PROFILE).run(job())


async def test_an_exhausted_script_is_an_error_not_a_made_up_report() -> None:
    async with FakeFactory([]).create(PROFILE) as worker:
        with pytest.raises(SandboxError, match="no report left"):
            await worker.run(job())


async def test_it_satisfies_the_protocol_and_admits_that_it_covers_nothing() -> None:
    async with Pool(FakeFactory([report()]), size=1) as pool:
        await pool.run(job())
        info = pool.info()
    assert isinstance(FakeFactory([]).create(PROFILE), Sandbox)
    assert info.backend == "fake"
    assert not info.covers
    assert info.gaps
