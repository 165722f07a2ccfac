"""Heilbronn's problem in the unit equilateral triangle and in a convex region; smallest area, exactly.

Areas are rational and √3 is bounded from both sides. Against points just outside, which enlarge every triangle: they
are drawn in by a rule that only lowers the score, or refused.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

from gristmill.verifiers.constructions.guest.values import RefusedError, Score, points, root_above, root_below, scaled

__all__ = ["in_convex", "in_triangle"]

Point = tuple[Fraction, Fraction]

# An interior point of the triangle, next to its centroid, that is rational.
_INSIDE = (Fraction(1, 2), Fraction(0.28867513459481287))
_FINEST, _COARSEST = 60, 20


def in_triangle(value: Any, count: int) -> Score:
    """Rows (x, y) in the triangle (0,0), (1,0), (1/2, √3/2); smallest area over the triangle's area √3/4.

    A point outside is repaired by drawing all points towards the middle by 1 - 2^-k, with the largest k ≤ 60 that
    brings them in; below k = 20 the construction is refused.
    """
    rows = [(x, y) for x, y in points(value, "the list of points", count=count, width=2)]
    repair, excess = "", 0.0
    if not all(map(_inside, rows)):
        power = next((k for k in range(_FINEST, _COARSEST - 1, -1) if all(map(_inside, _drawn(rows, k)))), None)
        if power is None:
            raise RefusedError("a point lies outside the triangle (0,0), (1,0), (1/2, sqrt(3)/2) by more than 1e-6")
        rows = _drawn(rows, power)
        repair, excess = f"all points were drawn towards the middle by the factor 1 - 2^-{power}", 2.0**-power
    area = _smallest(rows)
    three = Fraction(3)
    return Score(4 * area / root_above(three), 4 * area / root_below(three), repair, {"excess": excess})


def in_convex(value: Any, count: int) -> Score:
    """Rows (x, y) anywhere; smallest area over the area of the points' convex hull."""
    rows = [(x, y) for x, y in points(value, "the list of points", count=count, width=2)]
    hull = _hull_area(rows)
    if not hull:
        raise RefusedError("all points lie on one line")
    return Score.exact(_smallest(rows) / hull)


def _inside(point: Point) -> bool:
    x, y = point
    return y >= 0 and 0 <= x <= 1 and y * y <= 3 * x * x and y * y <= 3 * (1 - x) ** 2


def _drawn(rows: list[Point], power: int) -> list[Point]:
    factor = 1 - Fraction(1, 1 << power)
    a, b = _INSIDE
    return [(a + (x - a) * factor, b + (y - b) * factor) for x, y in rows]


def _smallest(rows: list[Point]) -> Fraction:
    whole, common = scaled(part for row in rows for part in row)
    grid = list(zip(whole[::2], whole[1::2], strict=True))
    doubled = min(abs(_cross(a, b, c)) for a, b, c in combinations(grid, 3))
    return Fraction(doubled, 2 * common * common)


def _hull_area(rows: list[Point]) -> Fraction:
    """Andrew's monotone chain, then the shoelace formula."""
    ordered = sorted(set(rows))
    chain: list[Point] = []
    for half in (ordered, ordered[::-1]):
        start = len(chain)
        for point in half:
            while len(chain) - start >= 2 and _cross(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chain.pop()
    area = sum(
        (a[0] * b[1] - a[1] * b[0] for a, b in zip(chain, chain[1:] + chain[:1], strict=True)),
        Fraction(0),
    )
    return abs(area) / 2


def _cross(a: Any, b: Any, c: Any) -> Any:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
