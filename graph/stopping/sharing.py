"""A budget that may not reach for all: every task gets its k-th call before any gets one more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gristmill.graph.records import StopReason
from gristmill.graph.stopping.spending import Spending

__all__ = ["Sharing", "Turn"]


@dataclass(eq=False)
class _Waiter:
    task_id: str
    turn: asyncio.Future[bool]


class Turn:
    """A turn to make a call: `refused` is the budget that refuses it, None where it is given.

    Args:
        refused, taken: the budget; what hears that the call counts.
        spare: what hears that a second call counts, which is kept for it, or that it is not needed.
        scarce: the budget that refuses a second call where none is kept.
    """

    def __init__(
        self,
        refused: StopReason | None,
        taken: Callable[[], None] | None = None,
        *,
        spare: Callable[[], None] | None = None,
        scarce: StopReason | None = None,
    ) -> None:
        self.refused = refused
        self._on_taken = taken
        self._spare = spare
        self._scarce = scarce
        self._used = False

    def use_spare(self) -> None:
        """The next call is the second one, if one was made in this turn already: the one that is kept, or refused."""
        if self._used and self._spare is None:
            self.refused = self._scarce
        elif self._used:
            self._on_taken, self._spare = self._spare, None

    def close(self) -> None:
        """Whatever was promised and not used is free again."""
        self.take()
        spare, self._spare = self._spare, None
        if spare is not None:
            spare()

    def take(self) -> None:
        """The call counts from now on, so that it is not only promised any more; once."""
        self._used = True
        taken, self._on_taken = self._on_taken, None
        if taken is not None:
            taken()


class Sharing:
    """Gives turns to call a model: a task waits while others are behind it and what is left may only do for these.

    A task's level is how many calls were made for it. A turn at level k is given if what is left is more than what all
    open tasks, those not begun too, lack up to level k. Where a budget does for everything, nobody ever waits. Whoever
    ends early leaves its part to the others. Where all tasks at work wait, what is left belongs to later ones: then the
    task that has had the most is refused.

    Args:
        spending: the budget. Tokens are reckoned in calls, by what calls have taken so far.
        levels: of the run's open tasks, from earlier sessions.
    """

    def __init__(self, spending: Spending, levels: Mapping[str, int]) -> None:
        self._spending = spending
        self._level = dict(levels)
        self._open = Counter(levels.values())
        self._at_work: set[str] = set()
        self._flying: Counter[str] = Counter()
        self._promised = 0
        self._waiting: list[_Waiter] = []

    def begin(self, task_ids: Iterable[str]) -> None:
        """These tasks are at work from now on, until they have `ended`."""
        self._at_work.update(task_ids)

    @asynccontextmanager
    async def turn(self, task_id: str, *, spare: bool = False) -> AsyncIterator[Turn]:
        """Wait for a turn to make one call, which lasts until the call is answered, or hear that there is none.

        With `spare` a second call is kept for the same turn, if one is left that nobody else has to have.
        """
        if not self._spending.shared:
            yield Turn(self._spending.over())
            return
        if (refused := await self._wait(task_id)) is not None:
            yield Turn(refused)
            return
        kept = spare and self._spending.calls_left() - self._promised >= 1
        self._promised += kept
        turn = Turn(None, self._taken, spare=self._taken if kept else None, scarce=self._spending.scarcest)
        try:
            yield turn
        finally:
            turn.close()
            self._flying[task_id] -= 1
            self._settle()

    async def _wait(self, task_id: str) -> StopReason | None:
        waiter = _Waiter(task_id, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._settle()
        try:
            async with asyncio.timeout(self._spending.remaining_seconds()):
                given = await waiter.turn
        except TimeoutError:
            return StopReason.SECONDS
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        return None if given else self._spending.over() or self._spending.scarcest

    def _taken(self) -> None:
        self._promised -= 1

    def ended(self, task_id: str) -> None:
        """The task asks for no more calls."""
        self._at_work.discard(task_id)
        if task_id in self._level:
            self._open[self._level.pop(task_id)] -= 1
        self._settle()

    def _settle(self) -> None:
        """Give the turns that can be given; if nothing else moves, refuse a task."""
        while True:
            # A waiter whose time is up has not gone yet, and cannot be answered any more.
            self._waiting = [each for each in self._waiting if not each.turn.done()]
            if not self._waiting:
                return
            if self._spending.over() is not None:
                self._refuse(self._waiting)
                return
            waiter = min(self._waiting, key=self._behind)
            if self._may(waiter.task_id):
                self._give(waiter)
                continue
            blocked = {each.task_id for each in self._waiting if not self._flying[each.task_id]}
            if not self._at_work <= blocked:
                return
            most = max(self._waiting, key=self._behind).task_id
            self._refuse([each for each in self._waiting if each.task_id == most])
            return

    def _behind(self, waiter: _Waiter) -> int:
        return self._level.get(waiter.task_id, 0)

    def _may(self, task_id: str) -> bool:
        """Of a task that is behind no other one that waits, so that nobody else may either if it may not."""
        level, left = self._level.get(task_id, 0), self._spending.calls_left() - self._promised
        owed = sum((level - other) * count for other, count in self._open.items() if other < level)
        return left > owed or (not owed and not self._promised)

    def _give(self, waiter: _Waiter) -> None:
        level = self._level.get(waiter.task_id, 0)
        if waiter.task_id in self._level:
            self._open[level] -= 1
        self._level[waiter.task_id] = level + 1
        self._open[level + 1] += 1
        self._promised += 1
        self._flying[waiter.task_id] += 1
        self._waiting.remove(waiter)
        waiter.turn.set_result(True)

    def _refuse(self, waiters: list[_Waiter]) -> None:
        for waiter in list(waiters):
            self._waiting.remove(waiter)
            waiter.turn.set_result(False)
