"""The settings of a math task: how its answers are to be read."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["reading_settings", "settings_problems", "settings_warnings"]

_CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "percent": (("fraction", "number"), "neither 'fraction' (10% is .1) nor 'number' (10% is 10)"),
    "decimal": (("point", "comma"), "neither 'point' (1,5 are two numbers) nor 'comma' (1,5 is 3/2)"),
    "date": (("ymd", "dmy", "mdy"), "not an order in which a date's numbers are meant: 'ymd', 'dmy' or 'mdy'"),
}


# '2024-03-04' → '2024-03-04'
_DATE = re.compile(
    r"\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d\d([/-])\d\d\1\d\d"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}\.? [A-Za-z]{3,9},? \d{4}"
)


def settings_warnings(answer: str, settings: dict[str, Any]) -> list[str]:
    """What a task's author should know of an expected answer that can be judged, one sentence each."""
    if "date" in settings or not _DATE.fullmatch(answer.strip(" $.")):
        return []
    told = (
        "looks like a date, but settings.date does not say in which order its numbers are meant ('ymd', 'dmy' or 'mdy')"
    )
    return [f"answer: {answer[:40]!r} {told}: only an answer that reads the same passes"]


def settings_problems(settings: dict[str, Any]) -> list[str]:
    """What is wrong with a task's settings, one sentence each, naming the field."""
    found = [
        f"settings.{name}: {settings[name]!r} is {wrong}"
        for name, (choices, wrong) in _CHOICES.items()
        if name in settings and settings[name] not in choices
    ]
    if not isinstance(settings.get("program", False), bool):
        found.append(f"settings.program: {settings['program']!r} is neither true (a reply may be a program) nor false")
    if not isinstance(settings.get("expressions", False), bool):
        wrong = f"{settings['expressions']!r} is neither true (an answer may leave arithmetic undone) nor false"
        found.append(f"settings.expressions: {wrong}")
    digits = settings.get("digits")
    if digits is not None and (type(digits) is not int or not 0 <= digits <= 30):
        found.append(f"settings.digits: {digits!r} is no number of digits behind the point from 0 to 30")
    return found


def reading_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that reading and comparing know, by name."""
    return {name: settings[name] for name in (*_CHOICES, "digits", "expressions") if settings.get(name) is not None}
