"""Reads a candidate's construction as exact numbers, and refuses whatever is not plainly that.

A float stands for the binary fraction that it holds. Against values that are read as something else than they count
for, or that take for ever: types are exact (a bool is no number, a named tuple no row), and digits are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

__all__ = [
    "RefusedError",
    "Score",
    "approximately",
    "integer",
    "listed",
    "number",
    "pairs",
    "plain",
    "points",
    "root_above",
    "root_below",
    "scaled",
    "vector",
]

# A float needs at most 1127 bits; longer numbers only cost time.
_BITS = 4096
_COMMON_BITS = 1 << 15
_ROOT_BITS = 120


class RefusedError(Exception):
    """The construction cannot be scored as it stands; the text is for its author."""


@dataclass(frozen=True)
class Score:
    """What a construction is worth: a rational between `low` and `high`, which are equal where no root enters.

    `repair` says what the problem's rule changed before scoring, `facts` what else was measured.
    """

    low: Fraction
    high: Fraction
    repair: str = ""
    facts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def exact(cls, value: Fraction | int, repair: str = "", **facts: float) -> Score:
        """A score that is a rational number."""
        return cls(Fraction(value), Fraction(value), repair, facts)


def plain(value: Any) -> Any:
    """Numpy arrays and scalars as the lists and numbers that they hold; everything else as it is."""
    if type(value).__module__ == "numpy" and hasattr(value, "dtype"):
        if value.dtype.kind not in "iufc":
            raise RefusedError(f"it holds an array of {value.dtype}, not of numbers")
        return value.tolist()
    return value


def listed(value: Any, what: str, *, least: int = 1, most: int, exactly: int | None = None) -> list[Any]:
    """A list, tuple or array as a list whose length is within bounds.

    Raises:
        RefusedError: it is none, or too short or too long.
    """
    value = plain(value)
    if type(value) not in (list, tuple):
        raise RefusedError(f"{what} must be a list, not {_named(value)}")
    if exactly is not None and len(value) != exactly:
        raise RefusedError(f"{what} must have {exactly} items, not {len(value)}")
    if not least <= len(value) <= most:
        raise RefusedError(f"{what} must have from {least} to {most} items, not {len(value)}")
    return list(value)


def number(value: Any, what: str) -> Fraction:
    """An integer, a finite float or a Fraction as the exact number that it denotes.

    Raises:
        RefusedError: it is something else, or longer than any honest number.
    """
    value = plain(value)
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):
            raise RefusedError(f"{what} is {value}; every number must be finite")
        return Fraction(value)
    if kind is not int and kind is not Fraction:
        raise RefusedError(f"{what} must be an int, a float or a Fraction, not {_named(value)}")
    exact = Fraction(value)
    if max(exact.numerator.bit_length(), exact.denominator.bit_length()) > _BITS:
        raise RefusedError(f"{what} has too many digits")
    return exact


def integer(value: Any, what: str) -> int:
    """An int.

    Raises:
        RefusedError: it is something else, a float with a whole value included, or too long.
    """
    value = plain(value)
    if type(value) is not int:
        raise RefusedError(f"{what} must be an int, not {_named(value)}")
    if value.bit_length() > _BITS:
        raise RefusedError(f"{what} has too many digits")
    return value


def vector(value: Any, what: str, *, least: int = 1, most: int, exactly: int | None = None) -> list[Fraction]:
    """A list of exact numbers; errors as `listed` and `number`."""
    items = listed(value, what, least=least, most=most, exactly=exactly)
    return [number(item, f"item {place} of {what}") for place, item in enumerate(items)]


def points(value: Any, what: str, *, count: int, width: int) -> list[list[Fraction]]:
    """`count` rows of `width` exact numbers; errors as `listed` and `number`."""
    rows = listed(value, what, most=count, exactly=count)
    return [vector(row, f"row {place} of {what}", most=width, exactly=width) for place, row in enumerate(rows)]


def scaled(values: Iterable[Fraction]) -> tuple[list[int], int]:
    """The numbers times their common denominator, as integers, and that denominator.

    Raises:
        RefusedError: the denominators have so little in common that arithmetic would take forever.
    """
    values = list(values)
    common = 1
    for value in values:
        common = math.lcm(common, value.denominator)
        if common.bit_length() > _COMMON_BITS:
            raise RefusedError("its numbers' common denominator has too many digits: use floats, or one denominator")
    return [value.numerator * (common // value.denominator) for value in values], common


def root_below(value: Fraction, bits: int = _ROOT_BITS) -> Fraction:
    """A rational at most the square root of a number that is not negative, and less than ``2**-bits`` below it."""
    shifted = (value.numerator << 2 * bits) // value.denominator
    return Fraction(math.isqrt(shifted), 1 << bits)


def root_above(value: Fraction, bits: int = _ROOT_BITS) -> Fraction:
    """The same from above."""
    shifted = -((-value.numerator << 2 * bits) // value.denominator)
    root = math.isqrt(shifted)
    return Fraction(root + (root * root < shifted), 1 << bits)


def approximately(value: Fraction) -> float:
    """The number as a float, for people: infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def pairs(rows: Sequence[Any]) -> Iterable[tuple[int, int]]:
    """All pairs of places, the smaller first."""
    return ((one, other) for one in range(len(rows)) for other in range(one + 1, len(rows)))


def _named(value: Any) -> str:
    if type(value) is str:
        return "text"
    return "None" if value is None else f"a {type(value).__name__[:40]}"
