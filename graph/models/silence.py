"""When a model that does not answer ends a run: one dead call costs its own place, several in a row the session."""

from __future__ import annotations

from gristmill.graph.models.errors import ModelError

__all__ = ["IN_A_ROW", "Silence"]

IN_A_ROW = 5
"""So many calls without an answer, none answered in between, and nobody is there."""


class Silence:
    """The calls of one session that were not answered, after all their tries."""

    def __init__(self) -> None:
        self._row = 0
        self._answered = False
        self._last: ModelError | None = None

    def answered(self) -> None:
        """A call was answered."""
        self._row, self._answered = 0, True

    def unanswered(self, error: ModelError) -> None:
        """A call was not answered.

        Raises:
            ModelError: it is one too many in a row.
        """
        self._row, self._last = self._row + 1, error
        if self._row >= IN_A_ROW:
            raise ModelError(f"{self._row} calls in a row were not answered; of the last one:\n{error}") from error

    def close(self) -> None:
        """The session has done what it could.

        Raises:
            ModelError: no call at all was answered in it, though some were made.
        """
        if self._last is not None and not self._answered:
            raise self._last
