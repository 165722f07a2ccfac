"""Limits of one model: calls wait in line until they may be made, and none is dropped.

Of our own and not `aiolimiter`: that lets a minute's worth go at once and then as much again in the minute that
follows, wants to be told before a call what only the answer tells (how many tokens it takes), and refuses a call that
is larger than the limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from gristmill.graph.roster import Limits

__all__ = ["MINUTE", "Pace", "Reservation"]

MINUTE = 60.0
_LEAST = 0.001
"""Seconds of a wait at least, so that rounding cannot make it one of none for ever."""


class Reservation:
    """What a call holds of its minute: `tokens` as expected, until it is answered; then what it took."""

    def __init__(self, at: float, tokens: float) -> None:
        self.at = at
        self.tokens = tokens


class Pace:
    """One model's limits. Within any 60 seconds no more calls are begun than allowed, nor such with more tokens.

    A call's tokens count from its beginning, first as many as it may take at most. One that may take more than a minute
    allows waits until nothing else is held.

    Args:
        limits: of the model.
        clock, sleep: the time in seconds, and a wait; others for tests.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits
        self._clock, self._sleep = clock, sleep
        self._flying = asyncio.Semaphore(limits.concurrency) if limits.concurrency else contextlib.nullcontext()
        self._line = asyncio.Lock()
        self._taken: deque[Reservation] = deque()
        self._since: dict[object, float] = {}

    def waits(self) -> tuple[int, float]:
        """(calls that wait for the limits, seconds that the first of them has waited)."""
        now = self._clock()
        return len(self._since), max((now - since for since in self._since.values()), default=0.0)

    @contextlib.asynccontextmanager
    async def turn(self, tokens: float) -> AsyncIterator[Reservation]:
        """Wait for a turn of a call that may take so many tokens; say in what is given how many it took."""
        mark = object()
        self._since[mark] = self._clock()
        async with contextlib.AsyncExitStack() as held:
            try:
                await held.enter_async_context(self._flying)
                async with self._line:
                    while (wait := self._wait(tokens)) > 0:
                        await self._sleep(max(wait, _LEAST))
                    taken = Reservation(self._clock(), tokens)
                    self._taken.append(taken)
            finally:
                del self._since[mark]
            yield taken

    def _wait(self, tokens: float) -> float:
        """Seconds until the next look at whether there is room."""
        calls, most = self._limits.calls_per_minute, self._limits.tokens_per_minute
        now = self._clock()
        while self._taken and now - self._taken[0].at >= MINUTE:
            self._taken.popleft()
        if not self._taken:
            return 0.0
        full = calls is not None and len(self._taken) >= calls
        full |= most is not None and sum(each.tokens for each in self._taken) + tokens > most
        # What calls take is known once they are answered, which may make room before the oldest is a minute old.
        return min(self._taken[0].at + MINUTE - now, 1.0 if most is not None else MINUTE) if full else 0.0
