"""When a model that does not answer ends a run: one dead call costs its own place, several in a row the session.

Where several models are asked, that is counted for each: one that is given up is left out, its share goes to the
others, and the session ends with the last of them.
"""

from __future__ import annotations

from collections.abc import Collection

from gristmill.graph.models.errors import ModelError, ModelSetupError

__all__ = ["IN_A_ROW", "Silence"]

IN_A_ROW = 5
"""So many calls without an answer, none answered in between, and nobody is there."""


class Silence:
    """The calls of one session that were not answered, after all their tries.

    Args:
        members: names of those who may be asked.
        lost: of these, whom earlier sessions have given up.
    """

    def __init__(self, members: Collection[str], lost: Collection[str] = ()) -> None:
        self._members = frozenset(members)
        self.lost = set(lost)
        self._rows = dict.fromkeys(members, 0)
        self._answered = False
        self._last: ModelError | None = None

    def answered(self, member: str) -> None:
        """A call was answered."""
        self._rows[member], self._answered = 0, True

    def unanswered(self, error: ModelError | ModelSetupError, member: str) -> bool:
        """A call was not answered; whether its model is left out from now on, so that another one is to be asked.

        Raises:
            ModelError: it is one too many in a row, and there is nobody else.
            ModelSetupError: only the user can mend it, and there is nobody else.
        """
        if member in self.lost:
            return True
        self._rows[member] += 1
        row, setup = self._rows[member], isinstance(error, ModelSetupError)
        if isinstance(error, ModelError):
            self._last = error
        if not setup and row < IN_A_ROW:
            return False
        if self._members - self.lost - {member}:
            self.lost.add(member)
            return True
        if setup:
            raise error
        raise ModelError(f"{row} calls in a row were not answered; of the last one:\n{error}") from error

    def close(self) -> None:
        """The session has done what it could.

        Raises:
            ModelError: no call at all was answered in it, though some were made.
        """
        if self._last is not None and not self._answered:
            raise self._last
