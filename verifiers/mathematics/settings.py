"""The settings of a math task: how its answers are to be read."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ["SETTINGS", "reading_settings", "settings_problems", "settings_warnings"]

_CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "percent": (("fraction", "number"), "neither 'fraction' (10% is .1) nor 'number' (10% is 10)"),
    "decimal": (("point", "comma"), "neither 'point' (1,5 are two numbers) nor 'comma' (1,5 is 3/2)"),
    "date": (("ymd", "dmy", "mdy"), "not an order in which a date's numbers are meant: 'ymd', 'dmy' or 'mdy'"),
}
SETTINGS = frozenset({*_CHOICES, "digits", "expressions", "program", "tolerance"})
# '2024-03-04' → '2024-03-04'
_DATE = re.compile(
    r"\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d\d([/-])\d\d\1\d\d"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}\.? [A-Za-z]{3,9},? \d{4}"
)


def settings_warnings(answer: str, settings: dict[str, Any]) -> list[str]:
    """What a task's author should know of an expected answer that can be judged, one sentence each."""
    if "date" in settings or not _DATE.fullmatch(answer.strip(" $.")):
        return []
    warning = (
        "looks like a date, but settings.date does not say in which order its numbers are meant ('ymd', 'dmy' or 'mdy')"
    )
    return [f"answer: {answer[:40]!r} {warning}: only an answer that reads the same passes"]


def settings_problems(settings: dict[str, Any]) -> list[str]:
    """What is wrong with a task's settings, one sentence each, naming the field."""
    problems = [
        f"settings.{name}: {settings[name]!r} is {wrong}"
        for name, (choices, wrong) in _CHOICES.items()
        if name in settings and settings[name] not in choices
    ]
    if not isinstance(settings.get("program", False), bool):
        problems.append(
            f"settings.program: {settings['program']!r} is neither true (a reply may be a program) nor false"
        )
    if not isinstance(settings.get("expressions", False), bool):
        wrong = f"{settings['expressions']!r} is neither true (an answer may leave arithmetic undone) nor false"
        problems.append(f"settings.expressions: {wrong}")
    digits = settings.get("digits")
    if digits is not None and (type(digits) is not int or not 0 <= digits <= 30):
        problems.append(f"settings.digits: {digits!r} is no number of digits behind the point from 0 to 30")
    return problems + _tolerance_problems(settings)


def _tolerance_problems(settings: dict[str, Any]) -> list[str]:
    """What is wrong with `settings.tolerance`: a number (absolute), or an object that names one bound or both."""
    tolerance = settings.get("tolerance")
    if tolerance is None:
        return []
    bounds = tolerance if isinstance(tolerance, dict) else {"absolute": tolerance}
    named = bool(bounds) and set(bounds) <= {"absolute", "relative"}
    if not named or not all(_is_bound(value) for value in bounds.values()) or not bounds.get("relative", 0) < 1:
        wrong = 'is no tolerance: a number above 0 (absolute), or {"absolute": 0.01} or {"relative": 0.05}, below 1'
        return [f"settings.tolerance: {tolerance!r} {wrong}"]
    if settings.get("digits") is not None:
        return ["settings.tolerance: `digits` says already how near an answer must be; give one of the two"]
    return []


def _is_bound(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def reading_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that reading and comparing know, by name."""
    return {
        name: settings[name]
        for name in (*_CHOICES, "digits", "expressions", "tolerance")
        if settings.get(name) is not None
    }
