"""The pool's own rules: who waits, who is retried, who is blamed, what is left. Most need no engine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import pytest

from gristmill.sandbox import Ending, FakeFactory, Job, Jobs, Limits, Pool, Profile, Report, SandboxError, UserError
from gristmill.sandbox.backends.fake import Scripted
from gristmill.sandbox.errors import WorkerLostError
from gristmill.sandbox.heard import JOB_LISTENER, JobRan
from gristmill.sandbox.wire.channel import ChannelError, receive, send
from gristmill.sandbox.wire.values import decode, encode
from gristmill.sandbox.workers.blaming import LOSSES, MOST_TRIES
from gristmill.sandbox.workers.warm import LOST_STARTS

JUDGE = Profile(name="judge")
OTHER = Profile(name="other")


def report(ending: Ending = Ending.FINISHED, text: bytes = b"") -> Report:
    return Report(ending=ending, exit_status=0, stdout=text, seconds=0.01)


def job(request: object = "candidate") -> Job:
    return Job(program="x:y", request=request, limits=Limits(wall_seconds=5))


class Counting:
    """Answers after a moment and remembers how many jobs ran at a time."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.now = self.most = 0

    async def __call__(self, asked: Job, sockets: Sequence[socket.socket]) -> Report:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        return report(text=str(asked.request).encode())


async def test_no_more_jobs_run_at_a_time_than_the_size_says() -> None:
    counting = Counting()
    factory = FakeFactory(counting)
    async with Pool(factory, size=3) as pool:
        answers = await asyncio.gather(*(pool.run(job(number)) for number in range(20)))
    assert [int(answer.stdout) for answer in answers] == list(range(20))
    assert counting.most == 3
    assert len(factory.workers) == 3


async def test_workers_are_started_only_when_needed_and_kept() -> None:
    factory = FakeFactory(Counting(0))
    async with Pool(factory, size=4) as pool:
        assert not factory.workers
        for number in range(5):
            await pool.run(job(number))
        assert len(factory.workers) == 1
    assert not factory.workers[0].entered


async def test_a_confirming_run_never_gets_the_worker_of_a_first_run() -> None:
    factory = FakeFactory(Counting(0))
    async with Pool(factory, size=1) as pool:
        for number in range(3):
            await pool.run(job(number))
            await pool.run(job(-number), fresh=True)
    first, confirming = factory.workers
    assert [each.request for each in first.jobs] == [0, 1, 2]
    assert [each.request for each in confirming.jobs] == [0, -1, -2]


async def test_idle_workers_of_other_profiles_make_room() -> None:
    factory = FakeFactory(Counting(0))
    async with Pool(factory, size=1) as pool:
        for number in range(6):
            await pool.run(job(), Profile(name=f"profile-{number}"))
        assert sum(worker.entered for worker in factory.workers) <= 4


async def test_a_job_whose_worker_was_lost_runs_again_on_another() -> None:
    factory = FakeFactory([SandboxError("container killed"), report(text=b"second")])
    async with Pool(factory, size=1) as pool:
        answer = await pool.run(job())
    assert answer.stdout == b"second"
    assert len(factory.workers) == 2
    assert not any(worker.entered for worker in factory.workers)


async def test_trouble_that_follows_a_job_to_healthy_workers_is_its_own_failure() -> None:
    factory = FakeFactory([SandboxError("lost")] * LOSSES + [report()])
    async with Pool(factory, size=1) as pool:
        blamed = await pool.run(job())
        honest = await pool.run(job())
    assert blamed.ending is Ending.FAILED
    assert "lost" in blamed.note
    assert honest.ending is Ending.FINISHED


async def test_idle_workers_that_died_together_do_not_make_a_job_guilty() -> None:
    counting = Counting(0.01)
    factory = FakeFactory(counting)
    async with Pool(factory, size=4) as pool:
        await asyncio.gather(*(pool.run(job()) for _ in range(4)))
        for worker in factory.workers:
            worker._lost = True  # as after a restart of the engine
        answers = await asyncio.gather(*(pool.run(job()) for _ in range(8)))
    assert {answer.ending for answer in answers} == {Ending.FINISHED}


async def test_no_healthy_worker_is_trouble_of_the_machine_and_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.sandbox.workers.warm.RESTART_PAUSES", (0.0,))

    class Broken(FakeFactory):
        def create(self, profile: Profile):  # type: ignore[no-untyped-def]
            worker = super().create(profile)
            worker._lost = len(self.workers) > 1
            return worker

    async with Pool(Broken([SandboxError("lost"), report()]), size=1) as pool:
        with pytest.raises(SandboxError):
            await pool.run(job())


class Dying(FakeFactory):
    """The first so many workers are lost while they start."""

    def __init__(self, dying: int, trouble: SandboxError) -> None:
        super().__init__([report(text=b"alive")])
        self.dying, self.trouble = dying, trouble

    def create(self, profile: Profile):  # type: ignore[no-untyped-def]
        worker = super().create(profile)
        if len(self.workers) <= self.dying:

            async def lost(*asked: object, **more: object) -> Report:
                raise self.trouble

            worker.run = lost  # type: ignore[method-assign]
        return worker


async def test_a_worker_lost_while_the_very_first_one_starts_is_replaced() -> None:
    factory = Dying(LOST_STARTS - 1, WorkerLostError("killed"))
    async with Pool(factory, size=1) as pool:
        assert (await pool.run(job())).stdout == b"alive"
    assert len(factory.workers) == LOST_STARTS
    assert not any(worker.entered for worker in factory.workers)


@pytest.mark.parametrize(
    ("trouble", "starts"), [(WorkerLostError("killed"), LOST_STARTS), (SandboxError("no engine"), 1)]
)
async def test_workers_that_never_come_up_are_trouble_soon(trouble: SandboxError, starts: int) -> None:
    factory = Dying(100, trouble)
    async with Pool(factory, size=1) as pool:
        with pytest.raises(SandboxError, match=str(trouble)):
            await pool.run(job())
    assert len(factory.workers) == starts


async def test_a_worker_that_is_not_well_after_a_job_is_replaced_though_the_job_counts() -> None:
    factory = FakeFactory(Counting(0))
    async with Pool(factory, size=1) as pool:
        assert (await pool.run(job(1))).stdout == b"1"
        factory.workers[0].healthy = False  # type: ignore[attr-defined]  # as when a job left something behind
        assert (await pool.run(job(2))).stdout == b"2"
        assert not factory.workers[0].entered
    assert [len(worker.jobs) for worker in factory.workers] == [1, 1]


class Engine(FakeFactory):
    """A machine whose workers can be lost all at once, as when an engine is restarted."""

    def crash(self) -> None:
        for worker in self.workers:
            worker._lost = True


async def test_an_engine_that_dies_again_and_again_makes_nobody_guilty() -> None:
    """Every worker is lost with it, the witness too: so it was not the job."""
    runs = 0

    async def answer(asked: Job, sockets: Sequence[socket.socket]) -> Scripted:
        nonlocal runs
        runs += 1
        if runs > 5:
            return report(text=b"at last")
        engine.crash()
        return SandboxError("its zygote ended")

    engine = Engine(answer)
    async with Pool(engine, size=1) as pool:
        assert (await pool.run(job())).stdout == b"at last"
        runs = 0
        assert (await pool.pair(job(), job("judge"), judge_profile=JUDGE))[0].stdout == b"at last"


async def test_an_engine_that_never_stops_dying_is_trouble_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.sandbox.workers.blaming.SETTLING_SECONDS", 0.0)

    async def answer(asked: Job, sockets: Sequence[socket.socket]) -> SandboxError:
        engine.crash()
        return SandboxError("its zygote ended")

    engine = Engine(answer)
    async with Pool(engine, size=1) as pool:
        with pytest.raises(SandboxError, match="zygote"):
            await pool.run(job())
    assert len(engine.workers) < 2 * MOST_TRIES + 2


async def test_a_session_that_loses_its_workers_again_and_again_is_blamed() -> None:
    """Who holds sessions tries again by himself; the pool remembers, so nobody can choose to be unscored."""
    async with Pool(FakeFactory([SandboxError("lost")] * LOSSES + [report()]), size=1) as pool:
        for number in range(LOSSES):
            async with pool.session(job()) as session:
                await asyncio.sleep(0.01)
                if number < LOSSES - 1:
                    with pytest.raises(SandboxError):
                        await session.report()
                else:
                    blamed = await session.report()
        async with pool.session(job()) as session:
            await asyncio.sleep(0.01)
            assert (await session.report()).ending is Ending.FINISHED
    assert blamed.ending is Ending.FAILED
    assert "lost 3 times" in blamed.note


async def test_waiting_for_an_engine_that_is_gone_for_good_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for every job that waits: a machine that has lost its engine says so soon."""
    monkeypatch.setattr("gristmill.sandbox.workers.warm.RESTART_PAUSES", (0.01, 0.01, 0.01))

    class Gone(FakeFactory):
        def create(self, profile: Profile):  # type: ignore[no-untyped-def]
            worker = super().create(profile)
            worker._lost = len(self.workers) > 1
            return worker

    factory = Gone([SandboxError("lost")])
    async with Pool(factory, size=1) as pool:
        for _ in range(5):
            with pytest.raises(SandboxError):
                await pool.run(job())
    assert len(factory.workers) == 1 + 4 + 4


async def talk(asked: Job, sockets: Sequence[socket.socket]) -> Report:
    """A judge that asks one question, and a candidate that answers until its socket closes."""
    loop = asyncio.get_running_loop()
    sockets[0].setblocking(False)
    if asked.request == "judge":
        await loop.sock_sendall(sockets[0], b"2+2?")
        return report(text=await loop.sock_recv(sockets[0], 100))
    while question := await loop.sock_recv(sockets[0], 100):
        await loop.sock_sendall(sockets[0], b"4 to " + question)
    return report()


async def echo(asked: Job, sockets: Sequence[socket.socket]) -> Report:
    """Answers every message until its socket closes."""
    sockets[0].settimeout(None)
    with contextlib.suppress(OSError):
        while (question := await asyncio.to_thread(receive, sockets[0])) is not None:
            send(sockets[0], b"echo " + question)
    return report()


async def drip(asked: Job, sockets: Sequence[socket.socket]) -> Report:
    """Begins a message and never ends it, but always sends a little more of it."""
    sockets[0].setblocking(False)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        await loop.sock_sendall(sockets[0], (1 << 20).to_bytes(4, "big"))
        while True:
            await loop.sock_sendall(sockets[0], b".")
            await asyncio.sleep(0.02)
    return report()


async def test_a_pair_talks_over_a_socket_of_its_own() -> None:
    async with Pool(FakeFactory(talk), size=1) as pool:
        candidate, judge = await pool.pair(job(), job("judge"), judge_profile=JUDGE)
    assert judge.stdout == b"4 to 2+2?"
    assert candidate.ending is Ending.FINISHED
    assert not candidate.note


async def test_a_candidate_that_stays_when_its_judge_has_ended_is_killed() -> None:
    async def stays(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        if asked.request == "candidate":
            await asyncio.sleep(60)
        return report()

    async with Pool(FakeFactory(stays), size=1) as pool:
        candidate, judge = await pool.pair(job(), job("judge"), judge_profile=JUDGE)
    assert judge.ending is Ending.FINISHED
    assert candidate.ending is Ending.FAILED
    assert candidate.exit_status is None
    assert "judge" in candidate.note


async def test_many_pairs_in_both_directions_never_block_each_other() -> None:
    async with Pool(FakeFactory(talk), size=2) as pool:
        there = [pool.pair(job(), job("judge"), profile=OTHER, judge_profile=JUDGE) for _ in range(20)]
        back = [pool.pair(job(), job("judge"), profile=JUDGE, judge_profile=OTHER) for _ in range(20)]
        pairs = await asyncio.wait_for(asyncio.gather(*there, *back), 120)
    assert all(judge.stdout == b"4 to 2+2?" for _, judge in pairs)


@pytest.mark.parametrize("culprit", ["candidate", "judge"])
async def test_a_pair_whose_worker_is_lost_is_run_again_and_finally_blamed(culprit: str) -> None:
    seen = []

    async def lost(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        if asked.request == culprit:
            seen.append(culprit)
            raise SandboxError("lost")
        return report()

    async with Pool(FakeFactory(lost), size=1) as pool:
        candidate, judge = await pool.pair(job(), job("judge"), judge_profile=JUDGE)
    assert len(seen) == LOSSES
    assert candidate.ending is Ending.FAILED
    assert judge.ending is (Ending.FAILED if culprit == "judge" else Ending.FINISHED)


async def test_a_session_is_talked_to_from_a_thread_and_ends_with_its_block() -> None:
    async with Pool(FakeFactory(echo), size=1) as pool:
        jobs: Jobs = pool  # what all that stands on the sandbox is given
        async with jobs.session(job()) as session:
            assert await asyncio.to_thread(session.call, b"hi", seconds=60) == b"echo hi"
            ended = await session.report()
        assert ended.ending is Ending.FINISHED


async def test_bytes_that_drip_hold_no_session_up_and_end_it() -> None:
    async with Pool(FakeFactory(drip), size=1) as pool, pool.session(job()) as session:
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(session.call, b"hi", seconds=0.3)
        assert await asyncio.to_thread(session.call, b"again", seconds=60) is None


async def test_a_call_under_way_ends_when_its_session_is_left_whoever_holds_the_other_end() -> None:
    """A thread cannot be cancelled, and the limit of a call may be an hour."""
    held: asyncio.Queue[socket.socket] = asyncio.Queue()

    async def silent(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        held.put_nowait(sockets[0].dup())
        await asyncio.sleep(3600)
        return report()

    async with Pool(FakeFactory(silent), size=1) as pool:
        async with pool.session(job()) as session:
            call = asyncio.create_task(asyncio.to_thread(session.call, b"hi", seconds=3600))
            other = await held.get()
            assert await asyncio.to_thread(receive, other) == b"hi"
        done, _ = await asyncio.wait({call}, timeout=120)
        other.close()
        assert done, "its thread still waits for an answer"
        assert call.exception() is not None or call.result() is None


async def test_a_message_longer_than_allowed_ends_the_session() -> None:
    async with Pool(FakeFactory(echo), size=1) as pool, pool.session(job()) as session:
        with pytest.raises(ChannelError, match="more than the 5"):
            await asyncio.to_thread(session.call, b"hi", seconds=60, limit=5)
        assert await asyncio.to_thread(session.call, b"hi", seconds=60) is None


async def test_a_session_that_will_not_hang_up_is_killed_and_says_so() -> None:
    async with Pool(FakeFactory(Counting(60)), size=1) as pool, pool.session(job()) as session:
        ended = await session.report(grace=0.01)
    assert ended.ending is Ending.FAILED
    assert "session" in ended.note


async def test_jobs_inside_a_session_do_not_wait_for_its_slot() -> None:
    async def answer(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        return await talk(asked, sockets) if sockets else report()

    async with Pool(FakeFactory(answer), size=1) as pool, pool.session(job()):
        await asyncio.wait_for(pool.run(job(), OTHER), 60)


async def test_cancelling_a_run_frees_its_slot_and_the_worker_is_checked_before_use() -> None:
    counting = Counting(60)
    factory = FakeFactory(counting)
    async with Pool(factory, size=1) as pool:
        running = asyncio.create_task(pool.run(job()))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        counting.seconds = 0
        assert (await asyncio.wait_for(pool.run(job()), 60)).ending is Ending.FINISHED


@pytest.mark.parametrize("alone", [False, True])
async def test_who_listens_hears_of_a_job_that_is_cut_off_in_whatever_worker(alone: bool) -> None:
    heard: list[JobRan] = []
    begun = asyncio.Event()

    async def endless(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        begun.set()
        await asyncio.sleep(3600)
        return report()

    before = JOB_LISTENER.set(heard.append)
    pool = Pool(FakeFactory(endless), size=1)
    JOB_LISTENER.reset(before)
    async with pool, pool.alone(OTHER) if alone else contextlib.nullcontext(pool.run) as run:
        running: asyncio.Future[Report] = asyncio.ensure_future(run(job()))
        await begun.wait()
        running.cancel()
        await asyncio.wait([running])
    assert [(each.program, each.ending) for each in heard] == [("x:y", None)]


async def test_leaving_the_pool_stops_every_worker_even_busy_ones() -> None:
    factory = FakeFactory(Counting(60))
    pool = Pool(factory, size=2)
    async with pool:
        runs = [asyncio.create_task(pool.run(job())) for _ in range(4)]
        await asyncio.sleep(0.05)
        for run in runs:
            run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    assert not any(worker.entered for worker in factory.workers)
    with pytest.raises(SandboxError, match="closed"):
        await pool.run(job())


async def test_a_wrong_size_or_backend_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="at least 1"):
        Pool(FakeFactory([]), size=0)
    with pytest.raises(UserError, match="auto, docker, bubblewrap"):
        async with Pool.open("podman"):
            pass


JUDGES = Profile(name="judge", guest=("gristmill.sandbox.guest.probe",))
SERVED = Job(
    program="gristmill.sandbox.guest.candidate:calls",
    request={"source": "def f(x):\n    return x * 2", "entry_point": "f", "wrapper": None},
)
ASK = """
from gristmill.sandbox.wire.values import decode, encode
from gristmill.sandbox.wire.channel import ChannelError, receive, send
line = context.sockets[0]
send(line, encode({"args": [21], "kwargs": {}}))
context.send(decode(receive(line)))
"""


def judge_of(text: str) -> Job:
    return Job(program="gristmill.sandbox.guest.probe:run", request=text)


@pytest.mark.docker
@pytest.mark.bubblewrap
async def test_a_real_pair_talks_and_a_real_session_answers(backend: str) -> None:
    async with Pool.open(backend, size=2) as pool:
        pairs = await asyncio.gather(
            *(pool.pair(SERVED, judge_of(ASK), judge_profile=JUDGES, fresh=number % 2 == 1) for number in range(12))
        )
        for candidate, judge in pairs:
            assert [decode(frame) for frame in judge.messages] == [{"value": 42}], judge
            assert candidate.ending is Ending.FINISHED
            assert not candidate.note
        async with pool.session(SERVED) as session:
            frame = await asyncio.to_thread(session.call, encode({"args": ["ab"], "kwargs": {}}), seconds=60)
            assert frame is not None
            assert decode(frame) == {"value": "abab"}
            assert (await session.report()).ending is Ending.FINISHED
        info = pool.info()
        assert info.backend == backend
        assert info.image
        assert info.covers


@pytest.mark.docker
@pytest.mark.bubblewrap
async def test_a_slow_candidate_holds_up_nobody_for_longer_than_its_clock(backend: str) -> None:
    stubborn = judge_of("import time; time.sleep(60)").model_copy(update={"limits": Limits(wall_seconds=0.3)})
    async with Pool.open(backend, size=2) as pool:
        slow = [asyncio.create_task(pool.run(stubborn, JUDGES)) for _ in range(3)]
        quick = await asyncio.gather(*(pool.run(judge_of(f"context.send({n})"), JUDGES) for n in range(5)))
        assert [decode(report.messages[0]) for report in quick] == list(range(5))
        assert {report.ending for report in await asyncio.gather(*slow)} == {Ending.TIMEOUT}
