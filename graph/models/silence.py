"""When a model that does not answer ends a run: one dead call costs its own place, several in a row the session.

Where several models are asked, that is counted for each: one that is given up is left out, its share goes to the
others, and the session ends with the last of them. What further tries have outlasted ends nothing, and is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from gristmill.graph.events import Event, ServerTrouble
from gristmill.graph.models.errors import ModelError, ModelSetupError

__all__ = ["IN_A_ROW", "Outlasted", "Silence", "are_many"]

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


_KINDS = 50
"""Names of trouble that are told apart in a session."""
_MANY = 10


def are_many(again: int, calls: int) -> bool:
    """Whether further tries are worth telling somebody: ten or more, and half as many as calls."""
    return again >= _MANY and 2 * again >= calls


class Outlasted:
    """What calls of a session were tried again for, told in a few events however often that is.

    Args:
        tell: hears of `ServerTrouble` when it first comes up, each time that it has doubled, and at the close.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._counts: Counter[tuple[str, str]] = Counter()
        self._untold: Counter[tuple[str, str]] = Counter()

    def note(self, model: str, reason: str) -> None:
        """A call of a model is tried again for this reason, in words of ours."""
        key = model, reason[:100]
        if key not in self._counts and len(self._counts) >= _KINDS:
            key = model, "other trouble"
        self._counts[key] += 1
        self._untold[key] += 1
        if self._counts[key].bit_count() == 1:
            self._told(key)

    def close(self) -> None:
        """Tell what was not told yet."""
        for key in list(self._untold):
            self._told(key)

    def _told(self, key: tuple[str, str]) -> None:
        if times := self._untold.pop(key, 0):
            self._tell(ServerTrouble(model=key[0], detail=key[1], times=times))
