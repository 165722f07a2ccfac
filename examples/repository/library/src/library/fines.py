"""What a late book costs, in cents."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from library.dates import open_days_between

A_DAY, MOST = 25, 1000


def fine(due: date, returned: date, holidays: Collection[date] = (), *, child: bool = False) -> int:
    """The fine for one book: for each open day that it is late, half for children, and never more than the most."""
    late = open_days_between(due, returned, holidays)
    amount = min(late * A_DAY, MOST)
    return amount // 2 if child else late * A_DAY
