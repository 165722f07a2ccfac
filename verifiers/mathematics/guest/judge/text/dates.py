"""Calendar dates in the spellings that replies use, as ``2024-06-20``.

A text is a date only as a whole, and ``3/4/2024`` has the one meaning that the task gives it. Against a date among
other words, or one that is right in either order.
"""

from __future__ import annotations

import datetime
import re

__all__ = ["ORDERS", "read", "undeclared"]

ORDERS = ("ymd", "dmy", "mdy")
_MONTHS = "january february march april may june july august september october november december".split()
# 'on 2024-03-05' → '2024-03-05'
_NUMERIC = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")
# '3/4/2024' → '3/4/2024'
_ALIKE = re.compile(r"\d{4}([./-])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2\d{4}|\d\d-\d\d-\d\d|\d\d/\d\d/\d\d")
# '5th of march, 2024' → '5th of march, 2024'
_WORDS = re.compile(
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:the )?"
    r"(\d{1,2}|[a-z]{3,9})\.?(?:st|nd|rd|th)? (?:of )?(\d{1,2}|[a-z]{3,9})(?:st|nd|rd|th)?,? (\d{4})"
)


def read(text: str, order: str) -> str | None:
    """The date of a text in ISO form; None if it is none. `order` says how ``3/4/2024`` is meant; ISO is always ISO."""
    # '\text{May} 5' → 'may 5'
    plain = re.sub(r"\\text\{([^{}]*)\}|[$\\]", lambda part: part[1] or "", text).strip(" .").lower()
    plain = re.sub(r"\s+", " ", plain).replace(" ,", ",")
    if date := _NUMERIC.fullmatch(plain):
        numbers = date.groups()
        chosen = "ymd" if len(numbers[0]) == 4 else order
        named = dict(zip(chosen, numbers, strict=True))
        return _iso(named["y"], named["m"], named["d"])
    if date := _WORDS.fullmatch(plain):
        first, second, year = date.groups()
        day, month = (first, second) if first.isdigit() else (second, first)
        number = next((place for place, name in enumerate(_MONTHS, 1) if name == month or name[:3] == month), None)
        return _iso(year, str(number), day) if number is not None and day.isdigit() else None
    return None


def undeclared(text: str) -> str | None:
    """A date where no order was declared: in ISO form if it has one reading only, else as it is written; None if none.

    Without this ``2024-03-04`` would be a subtraction, which ``2024-04-03`` comes to as well.
    """
    # '\text{May} 5' → 'may 5'
    plain = re.sub(r"\\text\{([^{}]*)\}|[$\\]", lambda part: part[1] or "", text).strip(" .").lower()
    if not _ALIKE.fullmatch(plain):
        return read(text, "ymd") if _WORDS.fullmatch(re.sub(r"\s+", " ", plain).replace(" ,", ",")) else None
    readings = {day for order in ORDERS if (day := read(plain, order))}
    return readings.pop() if len(readings) == 1 else plain


def _iso(year: str, month: str, day: str) -> str | None:
    try:
        return datetime.date(int(year), int(month), int(day)).isoformat() if len(year) == 4 else None
    except ValueError:
        return None
