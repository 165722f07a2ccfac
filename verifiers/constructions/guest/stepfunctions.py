"""Step functions and their correlations: Erdős' minimum overlap and three autocorrelation inequalities.

Correlations are computed exactly as products of polynomials with integer coefficients, which decimal's number
theoretic transform makes fast (Kronecker substitution). Against a peak that a floating transform would smooth away,
and heights with so many digits that the exact one never ends: those are refused.
"""

from __future__ import annotations

import decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from gristmill.verifiers.constructions.guest.values import RefusedError, Score, scaled, vector

__all__ = ["autocorrelation_1", "autocorrelation_2", "autocorrelation_3", "overlap", "product"]


# Python refuses to write longer integers, and no honest height needs a tenth of it.
_MOST_DIGITS = 4000


def overlap(value: Any, most: int) -> Score:
    """Heights h in [0, 1] of n equal steps on [0, 2] with integral 1: the largest ∫ h(x)(1 - h(x+k)) dx over all k.

    Where the heights do not sum to n/2, the rule is: a sum too small, and all 1 - h are multiplied by the rational
    that makes it right; too large, and all h are. Heights outside [0, 1] are refused.
    """
    heights = vector(value, "the list of heights", least=2, most=most)
    if not all(0 <= height <= 1 for height in heights):
        raise RefusedError("a height lies outside [0, 1]")
    steps, total = len(heights), sum(heights, Fraction(0))
    error = total - Fraction(steps, 2)
    if error < 0:
        factor = Fraction(steps, 2) / (steps - total)
        heights = [1 - (1 - height) * factor for height in heights]
    elif error > 0:
        factor = Fraction(steps, 2) / total
        heights = [height * factor for height in heights]
    whole, common = scaled(heights)
    rest = [common - height for height in whole]
    largest = max(product(whole, rest[::-1]))
    repair = f"the heights' sum was off by {float(error):.3g}; it was made right" if error else ""
    return Score.exact(Fraction(2 * largest, steps * common * common), repair, excess=abs(float(error)))


def autocorrelation_1(value: Any, most: int) -> Score:
    """Heights f ≥ 0 of n equal steps on [-1/4, 1/4]: max f∗f / (∫ f)²."""
    heights = _heights(value, most, signed=False)
    return Score.exact(_peak(heights, max(product(heights, heights))))


def autocorrelation_2(value: Any, most: int) -> Score:
    """Heights f ≥ 0: ‖f∗f‖₂² / (‖f∗f‖₁ ‖f∗f‖∞), where f∗f is linear between its values at whole steps."""
    heights = _heights(value, most, signed=False)
    values = [0, *product(heights, heights), 0]
    squares = sum(a * a + a * b + b * b for a, b in pairwise(values))
    return Score.exact(Fraction(squares, 3 * sum(values) * max(values)))


def autocorrelation_3(value: Any, most: int, *, absolute: bool) -> Score:
    """Heights of either sign: |max f∗f| / (∫ f)², or with `absolute` max |f∗f| / (∫ f)²."""
    heights = _heights(value, most, signed=True)
    values = product(heights, heights)
    return Score.exact(_peak(heights, max(map(abs, values)) if absolute else abs(max(values))))


def _heights(value: Any, most: int, *, signed: bool) -> list[int]:
    heights, _ = scaled(vector(value, "the list of heights", most=most))
    if not signed and min(heights) < 0:
        raise RefusedError("a height is negative")
    if not sum(heights):
        raise RefusedError("the integral of the function is zero")
    return heights


def _peak(heights: list[int], peak: int) -> Fraction:
    return Fraction(2 * len(heights) * peak, sum(heights) ** 2)


def product(left: list[int], right: list[int]) -> list[int]:
    """The coefficients of the product of two polynomials of the same length."""
    above, below = _parts(left)
    over, under = _parts(right)
    total = _positive(above, over)
    for first, second, sign in ((below, under, 1), (above, under, -1), (below, over, -1)):
        if any(first) and any(second):
            total = [one + sign * other for one, other in zip(total, _positive(first, second), strict=True)]
    return total


def _parts(values: list[int]) -> tuple[list[int], list[int]]:
    return [max(value, 0) for value in values], [max(-value, 0) for value in values]


def _positive(left: list[int], right: list[int]) -> list[int]:
    bits = max(left).bit_length() + max(right).bit_length() + len(left).bit_length()
    width = bits * 30103 // 100_000 + 2  # decimal digits of one coefficient of the product
    if width > _MOST_DIGITS:
        raise RefusedError("the heights have too many digits, or lie too far apart")
    size = len(left) + len(right) - 1
    with decimal.localcontext() as context:
        context.prec = decimal.MAX_PREC
        context.Emax, context.Emin = decimal.MAX_EMAX, decimal.MIN_EMIN
        one, other = (decimal.Decimal("".join(f"{value:0{width}d}" for value in part)) for part in (left, right))
        text = f"{one * other:f}".zfill(size * width)
    return [int(text[start : start + width]) for start in range(0, size * width, width)]
