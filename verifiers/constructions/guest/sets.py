"""Finite sets of integers and vectors: sums and differences, caps; counted exactly.

Against members that occur twice or lie outside, which would count for more than they are: they are refused, or
counted once. Against sets made to fill the judge's memory: their reach is bounded, and sums are counted window by
window.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gristmill.verifiers.constructions.guest.intervals import log_ratio
from gristmill.verifiers.constructions.guest.values import RefusedError, Score, integer, listed

__all__ = ["cap_set", "sums_differences", "sums_differences_ratio"]

_SMALL_BITS = 50_000_000
_WINDOW = 1 << 26


def sums_differences(value: Any, most: int, largest: int) -> Score:
    """Different integers ≥ 0, 0 among them: 1 + log(|U-U| / |U+U|) / log(2 max U + 1)."""
    numbers = _integers(value, most)
    if len(set(numbers)) != len(numbers):
        raise RefusedError("a number occurs twice")
    if min(numbers) != 0:
        raise RefusedError("the smallest number must be 0")
    if not 0 < max(numbers) <= largest:
        raise RefusedError(f"the largest number must lie from 1 to {largest}")
    sums, differences = _counts(sorted(numbers))
    low, high = log_ratio(Fraction(differences, sums), Fraction(2 * max(numbers) + 1))
    return Score(1 + low, 1 + high, "", {"sums": float(sums), "differences": float(differences)})


def sums_differences_ratio(value: Any, most: int, largest: int) -> Score:
    """Integers, taken as a set A: log(|A+A| / |A|) / log(|A-A| / |A|)."""
    numbers = sorted(set(_integers(value, most)))
    if len(numbers) < 2:
        raise RefusedError("two different numbers are needed at least")
    moved = [each - numbers[0] for each in numbers]
    if moved[-1] > largest:
        raise RefusedError(f"the numbers may differ by at most {largest}")
    sums, differences = _counts(moved)
    low, high = log_ratio(Fraction(sums, len(numbers)), Fraction(differences, len(numbers)))
    return Score(low, high, "", {"sums": float(sums), "differences": float(differences)})


def cap_set(value: Any, dimension: int, most: int) -> Score:
    """The number of different vectors over {0, 1, 2}, if no three of them sum to zero modulo 3."""
    rows = []
    for place, row in enumerate(listed(value, "the list of vectors", most=most)):
        what = f"row {place} of the list of vectors"
        items = [integer(item, what) for item in listed(row, what, most=dimension, exactly=dimension)]
        if not all(0 <= item <= 2 for item in items):
            raise RefusedError(f"{what} holds a number other than 0, 1 and 2")
        rows.append(tuple(items))
    places = {row: place for place, row in enumerate(rows)}
    if len(places) != len(rows):
        raise RefusedError("a vector occurs twice")
    for place, one in enumerate(rows):
        for next_place in range(place + 1, len(rows)):
            third = places.get(tuple((-a - b) % 3 for a, b in zip(one, rows[next_place], strict=True)))
            if third is not None:
                raise RefusedError(f"the vectors {place}, {next_place} and {third} lie on a line")
    return Score.exact(len(rows))


def _integers(value: Any, most: int) -> list[int]:
    return [integer(item, f"item {place} of the set") for place, item in enumerate(listed(value, "the set", most=most))]


def _counts(ordered: list[int]) -> tuple[int, int]:
    """Numbers of different sums and differences of integers from 0 on, in rising order."""
    if len(ordered) * ordered[-1] <= _SMALL_BITS * 200:
        mask = sum(1 << each for each in ordered)
        top = ordered[-1]
        mirrored = sum(1 << top - each for each in ordered)
        sums = differences = 0
        for each in ordered:
            sums |= mask << each
            differences |= mirrored << each
        return sums.bit_count(), differences.bit_count()
    return _marked(ordered, sums=True), 2 * _marked(ordered, sums=False) + 1


def _marked(ordered: list[int], *, sums: bool) -> int:
    """Different sums, or different positive differences, marked window by window so that memory stays small."""
    import numpy

    values = numpy.array(ordered, dtype=numpy.int64)
    top = ordered[-1]
    count = 0
    for start in range(0 if sums else 1, (2 if sums else 1) * top + 1, _WINDOW):
        marks = numpy.zeros(_WINDOW, dtype=numpy.bool_)
        # Of each pair the second is not below the first: sums are symmetric, and differences wanted positive.
        shifts = values - start if sums else -values - start
        first = numpy.maximum(numpy.searchsorted(values, -shifts), numpy.arange(len(values)))
        last = numpy.searchsorted(values, _WINDOW - shifts)
        for place in numpy.flatnonzero(first < last).tolist():
            marks[values[first[place] : last[place]] + shifts[place]] = True
        count += int(numpy.count_nonzero(marks))
    return count
