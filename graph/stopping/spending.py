"""The run's budget: one purse for all tasks, counted before a call is made."""

from __future__ import annotations

import math
import time

from gristmill.graph.config import Budget
from gristmill.graph.records import StopReason, Tokens

__all__ = ["Spending"]


class Spending:
    """Counts calls, tokens and seconds over all sessions of a run.

    A call is taken before it is made, so `Budget.calls` is never exceeded; a call that a kill cut off counts, since
    the model may have been paid for it. Tokens are known only afterwards: calls in flight may carry them a little
    over. When the seconds are over, calls in flight are cancelled.

    Args:
        budget: the bounds.
        calls, tokens, seconds: spent in earlier sessions.
    """

    def __init__(self, budget: Budget, *, calls: int = 0, tokens: Tokens | None = None, seconds: float = 0.0) -> None:
        self._budget = budget
        self._calls = calls
        self._tokens = 0 if tokens is None else tokens.prompt + tokens.completion
        self._answered = calls if self._tokens else 0
        self._begun = time.monotonic() - seconds

    def seconds(self) -> float:
        """Wall time of the run's sessions so far."""
        return time.monotonic() - self._begun

    def remaining_seconds(self) -> float | None:
        """What is left of the wall time; None is without bound."""
        return None if self._budget.seconds is None else max(0.0, self._budget.seconds - self.seconds())

    def over(self) -> StopReason | None:
        """The budget that is spent, if one is."""
        if self._budget.calls is not None and self._calls >= self._budget.calls:
            return StopReason.CALLS
        if self._budget.tokens is not None and self._tokens >= self._budget.tokens:
            return StopReason.TOKENS
        if self.remaining_seconds() == 0.0:
            return StopReason.SECONDS
        return None

    @property
    def shared(self) -> bool:
        """Whether there is a bound that calls use up, so that tasks have to share."""
        return self._budget.calls is not None or self._budget.tokens is not None

    def calls_left(self) -> float:
        """How many calls the budget is good for; tokens count by what a call has taken so far, on the mean."""
        calls = math.inf if self._budget.calls is None else self._budget.calls - self._calls
        return min(calls, self._calls_of_tokens())

    @property
    def scarcest(self) -> StopReason:
        """The bound that will be met first."""
        calls = math.inf if self._budget.calls is None else self._budget.calls - self._calls
        return StopReason.CALLS if calls <= self._calls_of_tokens() else StopReason.TOKENS

    def _calls_of_tokens(self) -> float:
        if self._budget.tokens is None or not self._answered:
            return math.inf
        return (self._budget.tokens - self._tokens) * self._answered / max(1, self._tokens)

    def take_call(self) -> StopReason | None:
        """Take one call, or say which budget refuses it."""
        refused = self.over()
        if refused is None:
            self._calls += 1
        return refused

    def add(self, tokens: Tokens) -> None:
        """Count what an answered call used."""
        self._tokens += tokens.prompt + tokens.completion
        self._answered += 1
