"""Bilinear algorithms for matrix multiplication, checked entry by entry over the Gaussian rationals.

Every entry of the tensor must come out exactly. Against factors that multiply matrices only up to rounding, at a rank
that no exact algorithm has: there is no tolerance.
"""

from __future__ import annotations

import math
from fractions import Fraction
from operator import mul
from typing import Any

from gristmill.verifiers.constructions.guest.values import RefusedError, Score, listed, number, plain, scaled

__all__ = ["multiplication"]

Part = list[list[int]]


def multiplication(value: Any, n: int, m: int, p: int, most: int) -> Score:
    """The rank of three factors (n·m × R, m·p × R, p·n × R) whose columns' outer products sum to the tensor <n,m,p>.

    Its entry (i·m+j, j·p+k, k·n+i) is 1 and every other is 0: row-major A, row-major B, and C transposed.
    """
    factors = listed(value, "what it returned", most=3, exactly=3)
    sizes = (n * m, m * p, p * n)
    rank = len(listed(listed(factors[0], "factor 0", most=sizes[0], exactly=sizes[0])[0], "a row", most=most))
    real, imaginary, common = zip(
        *(_factor(factor, size, rank, place) for place, (factor, size) in enumerate(zip(factors, sizes, strict=True))),
        strict=True,
    )
    unit = math.prod(common)
    simple = not any(any(row) for part in imaginary for row in part)
    for a in range(sizes[0]):
        for b in range(sizes[1]):
            first, second = (real[0][a], imaginary[0][a]), (real[1][b], imaginary[1][b])
            ab = (list(map(mul, first[0], second[0])), []) if simple else _product(first, second)
            for c in range(sizes[2]):
                entry = (sum(map(mul, ab[0], real[2][c])), 0) if simple else _dot(ab, (real[2][c], imaginary[2][c]))
                wanted = unit if a % m == b // p and b % p == c // n and c % n == a // m else 0
                if entry != (wanted, 0):
                    raise RefusedError(f"entry ({a}, {b}, {c}) of the sum of outer products is wrong")
    return Score.exact(rank)


def _product(left: tuple[list[int], list[int]], right: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
    (a, b), (c, d) = left, right
    return (
        [w * y - x * z for w, x, y, z in zip(a, b, c, d, strict=True)],
        [w * z + x * y for w, x, y, z in zip(a, b, c, d, strict=True)],
    )


def _dot(left: tuple[list[int], list[int]], right: tuple[list[int], list[int]]) -> tuple[int, int]:
    (a, b), (c, d) = left, right
    return sum(map(mul, a, c)) - sum(map(mul, b, d)), sum(map(mul, a, d)) + sum(map(mul, b, c))


def _factor(value: Any, size: int, rank: int, place: int) -> tuple[Part, Part, int]:
    """Real and imaginary parts as integers, and their common denominator."""
    what = f"factor {place}"
    rows = [
        listed(row, f"a row of {what}", most=rank, exactly=rank) for row in listed(value, what, most=size, exactly=size)
    ]
    parts = [_complex(item, what) for row in rows for item in row]
    whole, common = scaled(part for pair in parts for part in pair)
    real, imaginary = whole[::2], whole[1::2]
    return _folded(real, rank), _folded(imaginary, rank), common


def _folded(values: list[int], width: int) -> Part:
    return [values[start : start + width] for start in range(0, len(values), width)]


def _complex(value: Any, what: str) -> tuple[Fraction, Fraction]:
    value = plain(value)
    if type(value) is complex:
        return number(value.real, f"an entry of {what}"), number(value.imag, f"an entry of {what}")
    return number(value, f"an entry of {what}"), Fraction(0)
