"""Workers are shared fairly by jobs of different cost. Time is counted, not waited for."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.sharing import FairSlots, on_behalf_of


class Clock:
    """A time that passes only while somebody waits for it, and then at once."""

    def __init__(self) -> None:
        self.now, self._order, self._alarms = 0.0, itertools.count(), list[tuple[float, int, asyncio.Event]]()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        heapq.heappush(self._alarms, (self.now + seconds, next(self._order), event))
        await event.wait()

    async def run(self, work: Sequence[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in work):
            for _ in range(10):
                await asyncio.sleep(0)
            if self._alarms:
                self.now, _, event = heapq.heappop(self._alarms)
                event.set()


def ends(jobs: Sequence[tuple[str, str, float]], size: int = 2) -> list[float]:
    """When each of (kind, task, seconds) has ended, all asked for at the start in this order."""

    async def work() -> list[float]:
        clock = Clock()
        slots, ended = FairSlots(size, clock), [0.0] * len(jobs)

        async def one(place: int, kind: str, task: str, seconds: float) -> None:
            with on_behalf_of(kind, task):
                async with slots.slot():
                    await clock.sleep(seconds)
            ended[place] = clock.now

        tasks = [asyncio.create_task(one(place, *job)) for place, job in enumerate(jobs)]
        await clock.run(tasks)
        await asyncio.gather(*tasks)
        return ended

    return asyncio.run(work())


def test_a_quick_median_does_not_wait_behind_trainings() -> None:
    trainings = [("loss", f"loss/{number}", 10.0) for number in range(26)]
    quick = [("code", "median", 0.001) for _ in range(50)]
    ended = ends([*trainings, *quick])
    # First come, first served: 130 s. The two that had begun are waited for, and nobody else.
    assert max(ended[26:]) < 10.1
    assert max(ended[:26]) < 131


def test_tasks_of_a_kind_share_too() -> None:
    slow = [("code", "slow", 10.0) for _ in range(20)]
    quick = [("code", "quick", 0.01) for _ in range(20)]
    assert max(ends([*slow, *quick])[20:]) < 10.3


def test_who_costs_much_is_not_starved_by_a_row_of_newcomers() -> None:
    async def work() -> tuple[float, int]:
        clock = Clock()
        slots, before, over = FairSlots(1, clock), 0, False

        async def job(kind: str, task: str, seconds: float) -> None:
            with on_behalf_of(kind, task):
                async with slots.slot():
                    await clock.sleep(seconds)

        async def newcomers(lane: int) -> None:
            nonlocal before
            while not over:
                before += 1
                await job("code", f"{lane}/{before}", 1.0)

        async def heavy() -> None:
            nonlocal over
            for _ in range(3):
                await job("code", "heavy", 10.0)
            over = True

        tasks = [asyncio.create_task(each) for each in (heavy(), newcomers(0), newcomers(1), newcomers(2))]
        await clock.run(tasks)
        await asyncio.gather(*tasks)
        return clock.now, before

    seconds, before = asyncio.run(work())
    assert 20 < before < 200
    assert seconds < 250


job = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 9).map(float))


@given(st.lists(job, min_size=1, max_size=25), st.integers(1, 3))
def test_no_slot_is_idle_while_anybody_waits(jobs: list[tuple[str, str, float]], size: int) -> None:
    ended = ends(jobs, size)
    total, longest = sum(each[2] for each in jobs), max(each[2] for each in jobs)
    assert all(ended)
    assert max(ended) <= total / size + longest + 1e-6


@pytest.mark.parametrize("given_first", [False, True])
async def test_one_who_is_cancelled_while_it_waits_takes_no_slot_with_it(given_first: bool) -> None:
    slots = FairSlots(1)

    async def hold() -> None:
        async with slots.slot():
            await asyncio.Event().wait()

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0)
    holder.cancel()
    if given_first:
        await asyncio.gather(holder, return_exceptions=True)
    waiter.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    async with asyncio.timeout(60), slots.slot():
        pass
