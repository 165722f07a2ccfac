"""Irrational numbers between two rationals that are certain, by mpmath's interval arithmetic.

Against scores that only rounding makes better than a record: what enters a score is an enclosure, never an estimate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

__all__ = ["bounds", "context", "interval", "log_ratio"]

_BITS = 256


def context() -> Any:
    """mpmath's interval context, at a precision that leaves no doubt in any problem here."""
    from mpmath import iv

    iv.prec = _BITS
    return iv


def interval(value: Fraction) -> Any:
    """The smallest interval at hand around a rational."""
    iv = context()
    return iv.mpf(value.numerator) / iv.mpf(value.denominator)


def bounds(value: Any) -> tuple[Fraction, Fraction]:
    """The two ends of an interval."""
    from mpmath.libmp import to_rational

    low, high = value._mpi_
    return Fraction(*map(int, to_rational(low))), Fraction(*map(int, to_rational(high)))


def log_ratio(above: Fraction, below: Fraction) -> tuple[Fraction, Fraction]:
    """Bounds of ``log(above) / log(below)``."""
    iv = context()
    return bounds(iv.log(interval(above)) / iv.log(interval(below)))
