"""Unit hexagons in a hexagon, decided with certainty by interval arithmetic.

Two hexagons count as apart only if an interval says so for certain. Against overlaps in the last digits, and an outer
side that is claimed too short: doubt refuses, and the side grows until every corner is surely in.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gristmill.verifiers.constructions.guest.intervals import bounds, context, interval
from gristmill.verifiers.constructions.guest.values import (
    RefusedError,
    Score,
    approximately,
    listed,
    pairs,
    points,
    vector,
)

__all__ = ["in_hexagon"]


def in_hexagon(value: Any, count: int) -> Score:
    """``(hexagons, outer)``: rows (x, y, angle°) of hexagons of side 1, and (x, y, side, angle°) of the one around.

    The score is the outer side. Where a corner sticks out, the rule is that the outer side grows until it is in.
    Hexagons whose interiors are not certainly disjoint are refused. At angle 0 a corner points along the x-axis.
    """
    inner, outer = listed(value, "what it returned", most=2, exactly=2)
    rows = points(inner, "the list of hexagons", count=count, width=3)
    x, y, side, angle = vector(outer, "the outer hexagon", most=4, exactly=4)
    if side <= 0:
        raise RefusedError("the outer side must be positive")
    small = [_Hexagon(left, up, turn, Fraction(1)) for left, up, turn in rows]
    for one, other in pairs(small):
        if not _apart(small[one], small[other]):
            raise RefusedError(f"hexagons {one} and {other} overlap, or touch too closely to be told apart")
    around = _Hexagon(x, y, angle, side)
    needed = max(_reach(around, hexagon) for hexagon in small)
    if needed > side:
        grown = f"the outer side was made longer by {approximately(needed - side):.3g}"
        return Score.exact(needed, grown, excess=approximately(needed - side))
    return Score.exact(side, excess=0.0)


class _Hexagon:
    """Corners and the outward normals of its edges, as intervals."""

    def __init__(self, x: Fraction, y: Fraction, angle: Fraction, side: Fraction) -> None:
        iv = context()
        turns = [interval(angle / 180 + Fraction(step, 6)) * iv.pi for step in range(12)]
        waves = [(iv.cos(turn), iv.sin(turn)) for turn in turns]
        self.centre = (interval(x), interval(y))
        length = interval(side)
        self.corners = [(self.centre[0] + length * cos, self.centre[1] + length * sin) for cos, sin in waves[::2]]
        self.normals = waves[1::2]


def _along(normal: Any, point: Any) -> Any:
    return normal[0] * point[0] + normal[1] * point[1]


def _apart(one: _Hexagon, other: _Hexagon) -> bool:
    """Whether some edge of one of them certainly separates the two."""
    for here, there in ((one, other), (other, one)):
        for normal in here.normals:
            edge = max(bounds(_along(normal, corner))[1] for corner in here.corners)
            if edge <= min(bounds(_along(normal, corner))[0] for corner in there.corners):
                return True
    return False


def _reach(around: _Hexagon, inner: _Hexagon) -> Fraction:
    """The outer side that certainly holds all corners of `inner`: the farthest of them, over √3/2 a unit of side."""
    iv = context()
    farthest = max(
        bounds((_along(normal, corner) - _along(normal, around.centre)) * 2 / iv.sqrt(iv.mpf(3)))[1]
        for normal in around.normals
        for corner in inner.corners
    )
    # A short number just above: the side that a reader would state.
    return Fraction(-((-farthest.numerator << 100) // farthest.denominator), 1 << 100)
