"""The run's budget: one purse for all tasks, from which the most that a call may cost is taken before it is made."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass

from gristmill.graph.amounts import NOTHING, Amount, in_units
from gristmill.graph.config import Budget
from gristmill.graph.records import StopReason

__all__ = ["Purse", "Spending"]


class Purse:
    """Bounds, what is spent, and what is held for calls in flight: `spent` and `held` together never exceed a bound,
    in whatever order calls come and end, and whatever they cost of what was held for them.

    Args:
        budget: the bounds; of its seconds this knows nothing.
        spent: in earlier sessions.
    """

    def __init__(self, budget: Budget, spent: Amount = NOTHING) -> None:
        money = None if budget.money is None else in_units(budget.money)
        self._bounds = (
            (StopReason.CALLS, budget.calls),
            (StopReason.TOKENS, budget.tokens),
            (StopReason.MONEY, money),
        )
        self.spent, self.held = spent, NOTHING
        self.open = 0

    def refuses(self, amount: Amount = NOTHING) -> StopReason | None:
        """The bound that holding as much more would exceed."""
        whole = self.spent.plus(self.held).plus(amount)
        return next(
            (
                reason
                for (reason, bound), value in zip(self._bounds, whole, strict=True)
                if bound is not None and value > bound
            ),
            None,
        )

    def over(self) -> StopReason | None:
        """The bound that is reached by what is spent, calls that are held included: each of them is made."""
        values = self.spent.plus(Amount(calls=self.held.calls))
        pairs = zip(self._bounds, values, strict=True)
        return next((reason for (reason, bound), value in pairs if bound is not None and value >= bound), None)

    def hold(self, amount: Amount) -> None:
        """Hold so much; it must not be refused."""
        self.held, self.open = self.held.plus(amount), self.open + 1

    def settle(self, held: Amount, used: Amount) -> None:
        """Of what was held, so much is spent, and the rest is free again."""
        if any(taken > most for taken, most in zip(used, held, strict=True)):
            raise ValueError(f"{used} is more than {held}, which was held for it")
        self.held, self.open, self.spent = self.held.minus(held), self.open - 1, self.spent.plus(used)

    def calls_left(self) -> dict[StopReason, float]:
        """For how many calls each bound is good still: tokens and money by what a call took so far, on the mean."""
        settled = self.spent.calls
        left: dict[StopReason, float] = {}
        for (reason, bound), spent in zip(self._bounds, self.spent, strict=True):
            if bound is None:
                continue
            if reason is StopReason.CALLS:
                left[reason] = bound - spent - self.held.calls
            else:
                left[reason] = (bound - spent) * settled / spent - self.open if settled and spent else math.inf
        return left


@dataclass(eq=False)
class _Waiter:
    amount: Amount
    answer: asyncio.Future[StopReason | None]


class Spending:
    """Counts calls, tokens, money and seconds over all sessions of a run.

    The most that a call may take is held before it is made, and what it did not take is free again once it is over. A
    call that does not fit waits while others are in flight, which may give something back, in line with those that
    came before it; where nothing is in flight it is refused. So neither calls nor tokens nor money are ever exceeded.
    When the seconds are over, calls in flight are cancelled, and count as the most that they may have taken.

    Args:
        budget: the bounds.
        spent: in earlier sessions, calls that were cut off with the most that they may have taken.
        seconds: of earlier sessions.
    """

    def __init__(self, budget: Budget, *, spent: Amount = NOTHING, seconds: float = 0.0) -> None:
        self._budget = budget
        self._purse = Purse(budget, spent)
        self._waiting: deque[_Waiter] = deque()
        self._begun = time.monotonic() - seconds

    def seconds(self) -> float:
        """Wall time of the run's sessions so far."""
        return time.monotonic() - self._begun

    def remaining_seconds(self) -> float | None:
        """What is left of the wall time; None is without bound."""
        return None if self._budget.seconds is None else max(0.0, self._budget.seconds - self.seconds())

    @property
    def spent(self) -> Amount:
        """What is spent by now."""
        return self._purse.spent

    def over(self) -> StopReason | None:
        """The budget that is spent, if one is."""
        if (reason := self._purse.over()) is not None:
            return reason
        return StopReason.SECONDS if self.remaining_seconds() == 0.0 else None

    @property
    def shared(self) -> bool:
        """Whether there is a bound that calls use up, so that tasks have to share."""
        return bool(self._purse.calls_left())

    @property
    def metered(self) -> bool:
        """Whether there is a bound on what calls take, besides their number."""
        return self._budget.tokens is not None or self._budget.money is not None

    def calls_left(self) -> float:
        """How many calls the budget is good for."""
        return min(self._purse.calls_left().values(), default=math.inf)

    @property
    def scarcest(self) -> StopReason:
        """The bound that will be met first."""
        left = self._purse.calls_left()
        return min(left, key=lambda reason: left[reason])

    async def reserve(self, amount: Amount) -> StopReason | None:
        """Hold as much as a call may take at most, or say which budget refuses it."""
        if self.remaining_seconds() == 0.0:
            return StopReason.SECONDS
        if not self._waiting and self._purse.refuses(amount) is None:
            self._purse.hold(amount)
            return None
        waiter = _Waiter(amount, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._serve()
        try:
            async with asyncio.timeout(self.remaining_seconds()):
                return await waiter.answer
        except BaseException as error:
            given = waiter.answer.done() and not waiter.answer.cancelled() and waiter.answer.result() is None
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if given:
                self.settle(amount, NOTHING)
            else:
                self._serve()
            if isinstance(error, TimeoutError):
                return StopReason.SECONDS
            raise

    def settle(self, held: Amount, used: Amount) -> None:
        """A call, or one try of it, is over: of what was held for it so much is spent, and the rest is free again."""
        self._purse.settle(held, used)
        self._serve()

    def _serve(self) -> None:
        """Answer those who wait, in line, as far as that can be known."""
        while self._waiting:
            waiter = self._waiting[0]
            refused = self._purse.refuses(waiter.amount)
            if refused not in (None, StopReason.CALLS) and self._purse.open and not waiter.answer.done():
                return
            self._waiting.popleft()
            if waiter.answer.done():
                continue
            if refused is None:
                self._purse.hold(waiter.amount)
            waiter.answer.set_result(refused)
