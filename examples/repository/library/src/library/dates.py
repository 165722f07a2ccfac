"""Days on which the library is open."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

SUNDAY = 6


def is_open(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether the library is open on a day."""
    return day.weekday() != SUNDAY and day not in holidays


def due_date(lent: date, days: int, holidays: Collection[date] = ()) -> date:
    """The day on which a loan is due: so many days later, or the next day on which the library is open."""
    due = lent + timedelta(days=days)
    if not is_open(due, holidays):
        due += timedelta(days=1)
    return due


def open_days_between(first: date, last: date, holidays: Collection[date] = ()) -> int:
    """How many days the library was open after `first`, up to and with `last`."""
    days = (last - first).days
    return sum(is_open(first + timedelta(days=number), holidays) for number in range(1, days + 1))
