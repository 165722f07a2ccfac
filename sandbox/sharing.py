"""Slots of a pool, shared fairly by jobs of different cost.

First come, first served lets whoever takes long take everything: a candidate that is judged in a millisecond waits
behind a queue of trainings. So waiting jobs stand in groups (what is judged, and for which task: `on_behalf_of`), and
a free slot goes to the group that has held slots for the least time, first by the outer name, then by the inner.
A group that comes anew, or again, starts where an equal share would have brought it by now, so that nobody saves up,
and nobody starves behind an endless row of newcomers.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

__all__ = ["FairSlots", "on_behalf_of"]

_group: ContextVar[tuple[str, str]] = ContextVar("gristmill_slot_group", default=("", ""))


@contextmanager
def on_behalf_of(outer: str, inner: str) -> Iterator[None]:
    """Jobs that are run inside the block, also by tasks that are made there, wait in this group."""
    before = _group.get()
    _group.set((outer, inner))
    try:
        yield
    finally:
        # Not a reset by token: a generator may leave this block in another context than it entered.
        _group.set(before)


class FairSlots:
    """So many slots; whoever finds none waits its group's turn.

    Args:
        size: slots.
        clock: seconds.
    """

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = self._free = size
        self._clock = clock
        self._now = clock()
        # By outer name, then by group; none is empty.
        self._waiting: dict[tuple[str, ...], dict[tuple[str, ...], deque[asyncio.Future[None]]]] = {}
        self._holding: dict[object, tuple[tuple[str, ...], float]] = {}
        # Of groups and of their outer names: jobs there, and seconds held, counted from where the group started.
        self._there: Counter[tuple[str, ...]] = Counter()
        self._held: dict[tuple[str, ...], float] = {}
        # Of outer names, and of all: members that are there, and what an equal share would have brought each by now.
        self._members: Counter[tuple[str, ...]] = Counter()
        self._share: dict[tuple[str, ...], float] = {}

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot while the block runs."""
        group, key = _group.get(), object()
        self._come(group)
        try:
            if self._free and not self._waiting:
                self._free -= 1
            else:
                await self._wait(group)
            self._holding[key] = group, self._clock()
            try:
                yield
            finally:
                _, since = self._holding.pop(key)
                for name in _names(group):
                    self._held[name] += self._clock() - since
                self._free += 1
        finally:
            self._go(group)
            self._give()

    async def _wait(self, group: tuple[str, str]) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group[:1], {}).setdefault(group, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # It was given and the task cancelled in the same moment.
                self._free += 1
            elif turn in (turns := self._waiting.get(group[:1], {}).get(group, deque())):
                turns.remove(turn)
                self._leave(group)
            raise

    def _leave(self, group: tuple[str, ...]) -> None:
        """Forget a group in which nobody waits any more."""
        groups = self._waiting[group[:1]]
        if not groups[group]:
            del groups[group]
        if not groups:
            del self._waiting[group[:1]]

    def _give(self) -> None:
        while self._free and self._waiting:
            cost = self._costs()
            groups = self._waiting[min(self._waiting, key=cost)]
            group = min(groups, key=cost)
            turn = groups[group].popleft()
            self._leave(group)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)

    def _costs(self) -> Callable[[tuple[str, ...]], float]:
        """What tells the seconds held by a name, by those too that still hold a slot."""
        now, held = self._clock(), self._held
        running: dict[tuple[str, ...], float] = {}
        for group, since in self._holding.values():
            for name in _names(group):
                running[name] = running.get(name, 0.0) + now - since
        return lambda name: held[name] + running[name] if name in running else held[name]

    def _come(self, group: tuple[str, str]) -> None:
        self._advance()
        for name in _names(group):
            if not self._there[name]:
                self._members[name[:-1]] += 1
                self._held[name] = max(self._held.get(name, 0.0), self._share.get(name[:-1], 0.0))
            self._there[name] += 1

    def _go(self, group: tuple[str, str]) -> None:
        self._advance()
        for name in _names(group):
            self._there[name] -= 1
            if not self._there[name]:
                self._members[name[:-1]] -= 1
                if self._held[name] <= self._share.get(name[:-1], 0.0):
                    # It would start from the share anyway.
                    del self._held[name]
                del self._there[name]

    def _advance(self) -> None:
        """Let the equal shares grow by the time that has gone."""
        now = self._clock()
        for outer, members in self._members.items():
            if members:
                self._share[outer] = self._share.get(outer, 0.0) + (now - self._now) * self._size / members
        self._now = now


def _names(group: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return group[:1], group
