"""Cap sets: the largest set of vectors over the integers mod 3 without three on a line, chosen greedily by a priority.

Three different vectors are on a line if they add up to zero in every place. Vectors are taken by falling priority,
equal ones in the order of counting, each unless it makes a line with two that were taken.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy

__all__ = ["BEST", "FORMS", "Vector", "forms", "greedy", "is_cap", "vectors"]

Vector = tuple[int, ...]
BEST = {4: 20, 5: 45, 6: 112}
"""The greatest sizes; up to 5 by proof, 6 by Potechin (2008)."""
FORMS = ("first", "second", "third")
"""Names of the three forms in the program to start from."""


@functools.cache
def vectors(dimension: int) -> tuple[Vector, ...]:
    """All vectors, in the order of counting."""
    return tuple(itertools.product(range(3), repeat=dimension))


@functools.cache
def _third(dimension: int) -> numpy.ndarray:
    """The number of the vector that completes a line with two others, for each pair of numbers."""
    all_ = numpy.array(vectors(dimension), numpy.int16)
    powers = 3 ** numpy.arange(dimension - 1, -1, -1)
    return numpy.asarray((-(all_[:, None, :] + all_[None, :, :]) % 3) @ powers, numpy.int16)


def greedy(priorities: Sequence[float], dimension: int) -> list[int]:
    """The numbers of the vectors that are taken, in their order.

    Raises:
        ValueError: there is not one number for each vector, or one is NaN.
    """
    worth = numpy.asarray(priorities, float)
    if worth.shape != (3**dimension,) or numpy.isnan(worth).any():
        raise ValueError("one number for each vector is needed, and none may be NaN")
    third = _third(dimension)
    blocked = numpy.zeros(3**dimension, bool)
    taken: list[int] = []
    for each in numpy.argsort(-worth, kind="stable").tolist():
        if not blocked[each]:
            blocked[third[each, taken]] = True
            blocked[each] = True
            taken.append(each)
    return taken


def is_cap(chosen: Sequence[Vector]) -> bool:
    """Whether no three different ones are on a line: looked at three by three."""
    return len(set(chosen)) == len(chosen) and not any(
        all((a + b + c) % 3 == 0 for a, b, c in zip(*three, strict=True)) for three in itertools.combinations(chosen, 3)
    )


def forms(dimension: int, odd: bool) -> str:
    """A program to start from: three quadratic forms mod 3, whose coefficients are literals, weighed together.

    Forms of v are the same for v and −v, as sets of an even size may be; one of an odd size needs forms of (1, *v).
    Each begins as the sum of the squares; what may change stands between marks.
    """
    places = range(dimension + odd)
    squares = [int(one == other >= odd) for one in places for other in places[one:]]
    lists = "".join(f"{name} = {squares}\n" for name in FORMS)
    return f"""from operator import mul

# gristmill: change
{lists}# gristmill: end


def priority(v):
    w = {"(1, *v)" if odd else "v"}
    products = [x * y for at, x in enumerate(w) for y in w[at:]]
    a = sum(map(mul, first, products)) % 3
    b = sum(map(mul, second, products)) % 3
    c = sum(map(mul, third, products)) % 3
    # gristmill: change
    return a + 3 * b + 9 * c
    # gristmill: end
"""
