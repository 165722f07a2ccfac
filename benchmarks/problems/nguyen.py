"""Nguyen's functions for symbolic regression: a formula that goes through 20 points is to be found again.

Formulas and ranges as in Uy et al. (2011): 1 to 6 on [-1, 1], 7 on [0, 2], 8 on [0, 4]. Points are drawn evenly, anew
for each seed. May be used: x, 1, the four operations and sin, cos, exp, log. Exact means an error of at most 1e-9 at
every point.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

__all__ = ["EXACT", "FORMULAS", "FUNCTIONS", "OPERATORS", "START", "errors", "points"]

EXACT = 1e-9
FORMULAS: dict[int, Callable[[float], float]] = {
    1: lambda x: x**3 + x**2 + x,
    2: lambda x: x**4 + x**3 + x**2 + x,
    3: lambda x: x**5 + x**4 + x**3 + x**2 + x,
    4: lambda x: x**6 + x**5 + x**4 + x**3 + x**2 + x,
    5: lambda x: math.sin(x**2) * math.cos(x) - 1,
    6: lambda x: math.sin(x) + math.sin(x + x**2),
    7: lambda x: math.log(x + 1) + math.log(x**2 + 1),
    8: math.sqrt,
}
_RANGES = {7: (0.0, 2.0), 8: (0.0, 4.0)}
FUNCTIONS = {"math.sin": 1, "math.cos": 1, "math.exp": 1, "math.log": 1}
OPERATORS = ("+", "-", "*", "/")
START = "import math\n\n\ndef f(x):\n    return x\n"


def points(number: int, seed: int, many: int = 20) -> tuple[list[float], list[float]]:
    """Where a formula is looked at, and its values there."""
    chance = random.Random(f"nguyen {number} {seed}")
    low, high = _RANGES.get(number, (-1.0, 1.0))
    xs = [chance.uniform(low, high) for _ in range(many)]
    return xs, [FORMULAS[number](x) for x in xs]


def errors(found: Callable[[float], float], xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """How far a function is off at each point.

    Raises:
        ValueError: a value is no finite number.
        Exception: whatever it raises.
    """
    off = [abs(found(x) - y) for x, y in zip(xs, ys, strict=True)]
    if not all(map(math.isfinite, off)):
        raise ValueError("every value must be finite")
    return off
