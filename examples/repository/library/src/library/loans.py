"""Which member has which book."""

from __future__ import annotations

from datetime import date

from library.dates import due_date
from library.holds import Holds

MOST_BOOKS, DAYS = 3, 21


class RefusedError(Exception):
    """A loan that the rules do not allow."""


class Desk:
    """Lends books and takes them back."""

    def __init__(self) -> None:
        self._lent: dict[str, tuple[str, date]] = {}
        self._holds: dict[str, Holds] = {}

    def lend(self, book: str, member: str, today: date) -> date:
        """Lend a book; the day on which it is due.

        Raises:
            RefusedError: it is out, or the member has as many as one may have.
        """
        if book in self._lent:
            raise RefusedError(f"{book} is out")
        if sum(who == member for who, _ in self._lent.values()) > MOST_BOOKS:
            raise RefusedError(f"{member} has {MOST_BOOKS} books")
        due = due_date(today, DAYS)
        self._lent[book] = member, due
        return due

    def hold(self, book: str, member: str) -> int:
        """Wait for a book; the place in the queue."""
        return self._holds.setdefault(book, Holds()).ask(member)

    def take_back(self, book: str) -> str | None:
        """Take a book back; the member who is next for it."""
        del self._lent[book]
        return self._holds[book].next() if book in self._holds else None

    def overdue(self, today: date) -> list[str]:
        """Books that should be back, the longest overdue first."""
        late = [(due, book) for book, (_, due) in self._lent.items() if due < today]
        return [book for _, book in sorted(late)]
