"""Exact scores as numbers and text that never flatter."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

from gristmill.verifiers.records import Direction

__all__ = ["digits_of", "rounded"]


def digits_of(value: Fraction, direction: Direction, digits: int = 20) -> str:
    """So many significant digits, rounded to the worse side."""
    context = Context(prec=digits, rounding=ROUND_FLOOR if direction is Direction.MAXIMIZE else ROUND_CEILING)
    return f"{context.divide(Decimal(value.numerator), Decimal(value.denominator)):.{digits}g}"


def rounded(value: Fraction, *, up: bool) -> float:
    """The nearest float that is not better than the exact score."""
    try:
        near = float(value)
    except OverflowError:
        return math.inf if up else math.nextafter(math.inf, 0)
    exact = Fraction(near)
    if exact == value or (exact > value) is up:
        return near
    return math.nextafter(near, math.inf if up else -math.inf)
