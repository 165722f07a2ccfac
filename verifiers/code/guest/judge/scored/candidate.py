"""What an evaluator is handed as its `candidate`.

It calls the solution in another process, and what comes back is plain values. Against a solution that would reach the
number by another way: what it is given is a copy, so that nothing of the evaluator's changes under its hands.
"""

from __future__ import annotations

from typing import Any, NoReturn

from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate
from gristmill.verifiers.code.guest.judge.scored.timing import Stopwatch, Timing

__all__ = ["RejectedError", "ScoredCandidate"]

_MOST_CHARACTERS = 500


class RejectedError(BaseException):
    """The evaluator turns the solution down. No ``except Exception`` may swallow it."""


class ScoredCandidate:
    """The solution: ``candidate(…)`` calls its first entry point, ``candidate.name(…)`` any of them."""

    __slots__ = ("_line", "_watch")

    def __init__(self, line: RemoteCandidate, watch: Stopwatch | None = None) -> None:
        self._line = line
        self._watch = watch

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the first entry point.

        Raises:
            Exception: what the solution has raised.
        """
        return self._line.ask("call", self._line.names[0], args, kwargs)

    def map(self, *columns: Any) -> list[Any]:
        """``list(map(candidate, *columns))`` in one message, columns of equal lengths.

        Raises:
            ValueError: the columns have different lengths.
            Exception: what the first call that failed has raised.
        """
        return _many(self._line, list(zip(*columns, strict=True)))

    def timed(self, *columns: Any) -> Timing:
        """As `map`, with the processor time that this took, as a share of what the task's reference took for the same.

        Give inputs that no other call has had, each once, and look at what came: `Timing.values`.

        Raises:
            ValueError: the columns have different lengths, or none.
            Exception: what the first call that failed has raised.
        """
        if self._watch is None:
            raise RuntimeError("`candidate.timed` stands nowhere in the evaluator's text, so no reference runs beside")
        return self._watch.timed(list(zip(*columns, strict=True)), _many)

    def reject(self, why: str) -> NoReturn:
        """Turn the solution down: it has no score, for a reason that it may be told on public instances.

        Raises:
            RejectedError: always.
        """
        raise RejectedError(str(why)[:_MOST_CHARACTERS])

    def __getattr__(self, name: str) -> Any:
        try:
            return self._line.entry_points[name]
        except KeyError:
            raise AttributeError(f"the task declares no entry point {name!r}") from None


def _many(line: RemoteCandidate, rows: list[Any]) -> list[Any]:
    values = line.ask("map", line.names[0], (rows,))
    if type(values) is not list or len(values) != len(rows):
        raise line.give_up("it answered many calls with another number of values")
    return values
