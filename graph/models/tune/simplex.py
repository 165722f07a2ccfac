"""Nelder and Mead's simplex, asked and told: the next point follows from the points that were judged, and nothing else.

SciPy's optimiser runs from the beginning each time, on the stored values, until it wants a point that nobody has
judged. So its state is the history itself: a killed run goes on where it was, and values from whoever else tried the
same numbers are used. It is told ranks, not scores: it only compares, and score·k+b changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["Point", "next_point"]

Point = tuple[int | float, ...]

_RESTARTS = 8


class _Wanted(Exception):  # noqa: N818  # no error: the answer
    def __init__(self, point: Point) -> None:
        self.point = point


def next_point(
    start: Point,
    steps: Sequence[float],
    ranks: Mapping[Point, int],
    rounded: Callable[[Sequence[float]], Point],
    *,
    ahead: int = 0,
) -> Point | None:
    """The point to judge next, or None where the optimiser has settled, restarts and all.

    Args:
        start: where it began.
        steps: by how far each number is changed first, not 0.
        ranks: of the judged points, 0 the best; equals share a rank.
        rounded: the point that a program may have, nearest to the one wanted.
        ahead: so many unjudged points are passed over, as if they were worse than all: others ask for these.
    """
    from scipy.optimize import minimize

    assumed: dict[Point, int] = {}
    worst = len(ranks) + 1

    def value(scaled: Any) -> float:
        point = rounded([at + step * float(by) for at, step, by in zip(begun, steps, scaled, strict=True)])
        if point in ranks:
            return float(ranks[point])
        if point not in assumed:
            if len(assumed) >= ahead:
                raise _Wanted(point)
            assumed[point] = worst
        return float(worst)

    many = len(start)
    begun = start
    for restart in range(_RESTARTS):
        options = {
            "initial_simplex": _simplex(many, restart),
            "xatol": 1e-4,
            "fatol": float("inf"),
            "maxfev": 200 * many,
            "maxiter": 200 * many,
            "adaptive": many > 5,
        }
        try:
            minimize(value, [0.0] * many, method="Nelder-Mead", options=options)
        except _Wanted as wanted:
            return wanted.point
        # It may have settled on an edge; from the best, in other directions, it may get off.
        begun = min(ranks, key=lambda point: (ranks[point], point), default=start)
    return None


def _simplex(many: int, restart: int) -> list[list[float]]:
    """The first is along the axes; later ones point elsewhere and are smaller."""
    chance, scale = random.Random(restart), 0.5**restart
    corners = [[0.0] * many]
    for at in range(many):
        sign = 1 if restart == 0 else chance.choice((-1, 1))
        corners.append(
            [sign * scale if at == axis else scale * 0.3 * chance.gauss(0, 1) * bool(restart) for axis in range(many)]
        )
    return corners
