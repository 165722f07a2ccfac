"""Who is next for a book that is out."""

from __future__ import annotations

from collections import deque


class Holds:
    """The queue for one title. A member waits once, however often they ask."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()

    def ask(self, member: str) -> int:
        """Wait for the title; the place in the queue, from 1."""
        self._waiting.append(member)
        return len(self._waiting)

    def give_up(self, member: str) -> None:
        """Leave the queue; nothing happens to those who are not in it."""
        if member in self._waiting:
            self._waiting.remove(member)

    def next(self) -> str | None:
        """Whose turn it is; they leave the queue."""
        return self._waiting.popleft() if self._waiting else None
