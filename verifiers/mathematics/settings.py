"""The settings of a math task: how its answers are to be read."""

from __future__ import annotations

from typing import Any

__all__ = ["reading_settings", "settings_problems"]

_CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "percent": (("fraction", "number"), "neither 'fraction' (10% is .1) nor 'number' (10% is 10)"),
    "decimal": (("point", "comma"), "neither 'point' (1,5 are two numbers) nor 'comma' (1,5 is 3/2)"),
    "date": (("ymd", "dmy", "mdy"), "not an order in which a date's numbers are meant: 'ymd', 'dmy' or 'mdy'"),
}


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
