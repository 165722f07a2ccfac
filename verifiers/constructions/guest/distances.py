"""Point sets judged by their distances: smallest ratio of extremes, kissing configurations.

Distances are compared as squares of integers. Against points that coincide, or spheres that overlap, by less than a
float can show: no root is drawn and no tolerance granted.
"""

from __future__ import annotations

from fractions import Fraction
from operator import mul
from typing import Any

from gristmill.verifiers.constructions.guest.values import RefusedError, Score, listed, pairs, points, scaled, vector

__all__ = ["kissing", "ratio"]


def ratio(value: Any, count: int, dimension: int) -> Score:
    """(largest distance / smallest distance)² of `count` points; distances are compared as squares, exactly."""
    rows = points(value, "the list of points", count=count, width=dimension)
    whole, _ = scaled(part for row in rows for part in row)
    grid = [whole[start : start + dimension] for start in range(0, len(whole), dimension)]
    squares = [sum((a - b) ** 2 for a, b in zip(grid[one], grid[other], strict=True)) for one, other in pairs(grid)]
    if not min(squares):
        raise RefusedError("two points are the same")
    return Score.exact(Fraction(max(squares), min(squares)))


def kissing(value: Any, dimension: int, most: int) -> Score:
    """The number of vectors, if no two are nearer to each other than the longest one is long."""
    rows = [
        vector(row, f"row {place} of the list of vectors", most=dimension, exactly=dimension)
        for place, row in enumerate(listed(value, "the list of vectors", most=most))
    ]
    whole, _ = scaled(part for row in rows for part in row)
    grid = [whole[start : start + dimension] for start in range(0, len(whole), dimension)]
    norms = [sum(map(mul, row, row)) for row in grid]
    if not min(norms):
        raise RefusedError("a vector is zero")
    longest = max(norms)
    for one, other in pairs(grid):
        if norms[one] + norms[other] - 2 * sum(map(mul, grid[one], grid[other])) < longest:
            raise RefusedError(
                f"vectors {one} and {other} are nearer to each other than the longest vector is long: "
                "their spheres overlap"
            )
    return Score.exact(len(grid))
