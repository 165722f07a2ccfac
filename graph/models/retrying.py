"""What is tried again, counted and told: one line when a kind of trouble first comes up, and the counts at the end."""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING

from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.trouble import kind_of, meaning, retry_after, short
from gristmill.graph.records import Request
from gristmill.sandbox.errors import GristmillError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

__all__ = ["Retries", "Withheld"]

_log = logging.getLogger(__name__)

_UNKNOWN_TRIES = 2


class Withheld(Exception):  # noqa: N818  # no error: a way out of the retries with an answer that has no text
    """The server has said why it gives no text; `finish` is the word for it."""

    def __init__(self, finish: str) -> None:
        self.finish = finish


class Retries:
    """How calls of one model are tried again.

    Args:
        where: what messages call the server.
        options: bounds of attempts, time and waits.
    """

    def __init__(self, where: str, options: ModelOptions) -> None:
        self._where = where
        self._options = options
        self.counts: Counter[str] = Counter()

    def calls(self, request: Request) -> AsyncRetrying:
        """The tries of one call, that of `request`: again for what may pass, until attempts or time are used up."""
        import tenacity

        after_attempts = tenacity.stop_after_attempt(self._options.attempts)
        before_delay = tenacity.stop_before_delay(self._options.retry_seconds)
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_worth_trying),
            stop=lambda state: after_attempts(state) or before_delay(state) or _beyond_knowing(state),
            wait=self._wait,
            before_sleep=lambda state: self.note(state.outcome.exception() if state.outcome else None, request),
        )

    def note(self, error: BaseException | None, request: Request) -> None:
        """A call is tried again for this; many calls meet the same trouble, which is told once."""
        self.count(kind_of(error), short(error), self._options.attempts, request)

    def count(self, kind: str, words: str, most: int, request: Request) -> None:
        """Count a try of a call that follows for this reason, of which there are `most`; told once in words."""
        self.counts[kind] += 1
        if request.tries is not None:
            request.tries.trouble(kind)
        if self.counts[kind] == 1:
            _log.warning(
                "%s: %s; asked again, up to %d tries a call (more of this kind is only counted)",
                self._where,
                words,
                most,
            )

    def close(self) -> None:
        """Tell the counts, where there is more to tell than was told, and begin anew."""
        if self.counts.total() > len(self.counts):
            counts = ", ".join(f"{count} × {kind}" for kind, count in self.counts.most_common())
            _log.warning("%s was asked again %d times: %s", self._where, self.counts.total(), counts)
        self.counts.clear()

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = retry_after(error) if error else None
        if asked is not None:
            return asked
        # Full jitter: many calls fail at the same moment and must not come back at the same moment.
        return float(self._options.wait_seconds * min(2.0 ** (state.attempt_number - 1), 60.0) * random.uniform(0.5, 1))


def _worth_trying(error: BaseException) -> bool:
    if isinstance(error, Withheld | GristmillError) or not isinstance(error, Exception):
        return False
    return meaning(error) in {"again", "unknown"}


def _beyond_knowing(state: RetryCallState) -> bool:
    """An error that says nothing to us may be a passing fault or a bug: it gets one more try, not minutes of them."""
    error = state.outcome.exception() if state.outcome else None
    return error is not None and meaning(error) == "unknown" and state.attempt_number >= _UNKNOWN_TRIES
