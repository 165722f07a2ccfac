"""What an evaluator is handed as its `candidate`.

It calls the solution in another process, and what comes back is plain values. Against a solution that would reach the
number by another way: what it is given is a copy, so that nothing of the evaluator's changes under its hands.
"""

from __future__ import annotations

from typing import Any, NoReturn

from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate

__all__ = ["Candidate", "RejectedError"]

_MOST_CHARACTERS = 500


class RejectedError(BaseException):
    """The evaluator turns the solution down. No ``except Exception`` may swallow it."""


class Candidate:
    """The solution: ``candidate(…)`` calls its first entry point, ``candidate.name(…)`` any of them."""

    __slots__ = ("_line",)

    def __init__(self, line: RemoteCandidate) -> None:
        self._line = line

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
        rows = list(zip(*columns, strict=True))
        values = self._line.ask("map", self._line.names[0], (rows,))
        if type(values) is not list or len(values) != len(rows):
            raise self._line.give_up("it answered many calls with another number of values")
        return values

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
