"""Circles packed into the unit square or into a rectangle of perimeter 4; the sum of radii, exactly.

The score is that of circles that fit without any tolerance. Against overlaps and corners hidden below a float's
precision: all is rational, and the radii are made smaller, by an amount rounded against the candidate, until
everything fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from gristmill.verifiers.constructions.guest.values import RefusedError, Score, approximately, pairs, points, root_below

__all__ = ["in_rectangle", "in_square"]

Circle = tuple[Fraction, Fraction, Fraction]


def in_square(value: Any, count: int) -> Score:
    """Rows (x, y, r) in the square [0, 1] × [0, 1]."""
    circles = _circles(value, count)
    return _scored(circles, (r - min(x, 1 - x, y, 1 - y) for x, y, r in circles))


def in_rectangle(value: Any, count: int) -> Score:
    """Rows (x, y, r) anywhere in the plane; the box around all circles may have perimeter 4 at most."""
    circles = _circles(value, count)
    sides = [
        max(circle[axis] + circle[2] for circle in circles) - min(circle[axis] - circle[2] for circle in circles)
        for axis in (0, 1)
    ]
    # All radii smaller by d make each side smaller by 2d.
    return _scored(circles, [(sides[0] + sides[1] - 2) / 4])


def _circles(value: Any, count: int) -> list[Circle]:
    rows = points(value, "the list of circles", count=count, width=3)
    circles = [(x, y, r) for x, y, r in rows]
    if any(r < 0 for _, _, r in circles):
        raise RefusedError("a radius is negative")
    return circles


def _scored(circles: list[Circle], outside: Iterator[Fraction] | list[Fraction]) -> Score:
    """The sum of radii after the problem's rule: all radii are made smaller by one amount until everything fits."""
    excess = max(Fraction(0), *outside, *_overlaps(circles))
    if excess > min(r for _, _, r in circles):
        raise RefusedError(
            f"circles overlap or stick out by so much (all radii would have to shrink by {approximately(excess):.3g}) "
            "that the smallest would vanish"
        )
    total = sum((r for _, _, r in circles), Fraction(0)) - len(circles) * excess
    repair = f"all radii were made smaller by {approximately(excess):.3g}" if excess else ""
    return Score.exact(total, repair, excess=approximately(excess))


def _overlaps(circles: list[Circle]) -> Iterator[Fraction]:
    """How much each radius of a pair that overlaps must shrink, rounded up."""
    for one, other in pairs(circles):
        (x, y, r), (u, v, s) = circles[one], circles[other]
        squared = (x - u) ** 2 + (y - v) ** 2
        if squared < (r + s) ** 2:
            yield (r + s - root_below(squared)) / 2
