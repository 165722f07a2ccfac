"""Whether a value is the expected answer: equal in its form, or the right rounding of it, or equal in another order.

Against answers that are nearly right (a factor of 1.0001, a digit more), that hold the right one among others, or that
differ in a letter's case where case is asked: nothing is near enough, and a rounded number must be rounded rightly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from gristmill.verifiers.reasoning.guest.wire.grammar import read

__all__ = ["RULES", "Rule", "exactly", "expected", "rounds"]

Item: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[str, Any, Item], float]


def expected(form: str, item: Item) -> Any:
    """The generator's answer, read by the same grammar."""
    return read(form, str(item["answer"]))


def exactly(value: list[int]) -> Fraction:
    """The number that ``[n, places]`` means."""
    number, places = value
    return Fraction(number, 10**places) if places >= 0 else Fraction(number * 10**-places)


def rounds(
    value: list[int], exact: Fraction, *, places: tuple[int, int] = (-1000, 1000), digits: tuple[int, int] = (1, 1000)
) -> bool:
    """Whether it is `exact`, or `exact` rounded rightly: to so many places, and so many significant digits."""
    if exactly(value) == exact:
        return True
    if not places[0] <= value[1] <= places[1] or not digits[0] <= len(str(abs(value[0]))) <= digits[1]:
        return False
    return abs(exactly(value) - exact) <= Fraction(1, 2) / Fraction(10) ** value[1]


def _equal(form: str, value: Any, item: Item) -> float:
    return float(value == expected(form, item))


def _cells(form: str, value: list[list[Any]], item: Item) -> float:
    right = expected(form, item)
    if value == right:
        return 1.0
    if [len(row) for row in value] != [len(row) for row in right]:
        return 0.0
    same: list[bool] = [
        mine == other for row, wanted in zip(value, right, strict=True) for mine, other in zip(row, wanted, strict=True)
    ]
    return sum(same) / len(same)


def _number(form: str, value: list[int], item: Item) -> float:
    return float(exactly(value) == exactly(expected(form, item)))


def _numbers(form: str, value: list[list[int]], item: Item) -> float:
    return float(list(map(exactly, value)) == list(map(exactly, expected(form, item))))


def _roots(form: str, value: list[list[int]], item: Item) -> float:
    return float(sorted(map(exactly, value)) == sorted(map(exactly, expected(form, item))))


def _pooled(form: str, value: list[list[list[int]]], item: Item) -> float:
    right, exact = expected(form, item), item["metadata"]["solution"]
    if [len(row) for row in value] != [len(row) for row in right]:
        return 0.0
    return float(
        all(
            exactly(cell) == exactly(wanted) or rounds(cell, Fraction(whole), places=(2, 2))
            for row, wanteds, wholes in zip(value, right, exact, strict=True)
            for cell, wanted, whole in zip(row, wanteds, wholes, strict=True)
        )
    )


def _power(form: str, value: list[int], item: Item) -> float:
    metadata = item["metadata"]
    exact = Fraction(Decimal(str(metadata["base"]))) ** metadata["exponent"]
    # Three significant figures are asked for; the generator's own answers have as many as a float.
    asked = [
        Fraction(Context(prec=3, rounding=way).divide(Decimal(exact.numerator), Decimal(exact.denominator)))
        for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)
    ]
    return float(exactly(value) in (exactly(expected(form, item)), *asked))


def _probability(form: str, value: list[Any], item: Item) -> float:
    rational = item["metadata"]["rational"]
    exact = Fraction(rational["numerator"], rational["denominator"])
    kind, *parts = value
    return float(Fraction(*parts) == exact if kind == "fraction" else rounds(parts, exact, digits=(4, 10)))


def _candidate(form: str, value: list[int], item: Item) -> float:
    metadata = item["metadata"]
    shown = [
        Fraction(Decimal(text.replace(",", "")))
        for number, text in zip(metadata["candidates"], metadata["formatted_candidates"], strict=True)
        if number == metadata["solution"]
    ]
    return float(exactly(value) in (exactly(expected(form, item)), *shown))


def _measured(form: str, value: list[Any], item: Item) -> float:
    metadata, (kind, *parts) = item["metadata"], value
    if metadata["task_type"] == "angle_measure":
        # Nine places of a float are sure; its right answers are given with two, its questions ask for three.
        exact = Fraction(str(round(metadata["angle_ABC_degrees"], 9)))
        return float(kind != "point" and rounds(parts[0], exact, places=(2, 3)))
    if metadata["task_type"] == "orthocenter":
        exacts = [Fraction(text) for text in metadata["ortho"]]
        return float(kind == "point" and all(map(_to_thousandths, parts, exacts)))
    return float(kind == "number" and _to_thousandths(parts[0], Fraction(metadata["incircle_radius_approx"])))


def _to_thousandths(value: list[int], exact: Fraction) -> bool:
    return rounds(value, exact, places=(3, 3))


def _complex(form: str, value: list[list[int]], item: Item) -> float:
    return float([exactly(part) for part in value] == list(item["metadata"]["result"]))


def _unordered(form: str, value: list[Any], item: Item) -> float:
    return float(sorted(value) == sorted(expected(form, item)))


def _grouped(form: str, value: list[list[str]], item: Item) -> float:
    return float(sorted(map(sorted, value)) == sorted(map(sorted, expected(form, item))))


def _lasted(form: str, value: list[int], item: Item) -> float:
    metadata = item["metadata"]
    if value == expected(form, item):
        return 1.0
    if metadata.get("expected_format") != "HH:MM:SS.mmm":
        return 0.0
    # The generator cuts a float off, so that some of its answers are a millisecond short.
    lasted = datetime.fromisoformat(metadata["end_time"]) - datetime.fromisoformat(metadata["start_time"])
    return float(value == [-1, round(lasted.total_seconds() * 1000)])


RULES: dict[str, Rule] = {
    "candidate": _candidate,
    "cells": _cells,
    "complex": _complex,
    "equal": _equal,
    "grouped": _grouped,
    "lasted": _lasted,
    "measured": _measured,
    "number": _number,
    "numbers": _numbers,
    "pooled": _pooled,
    "power": _power,
    "probability": _probability,
    "roots": _roots,
    "unordered": _unordered,
}
"""Rule → the score of (form, value, item)."""
