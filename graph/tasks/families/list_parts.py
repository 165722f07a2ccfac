"""The parts of list functions: which numbers are kept, what becomes of each, and what of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gristmill.graph.tasks.families.composing import Step

__all__ = ["ENDS", "FILTERS", "MAPS", "REDUCTIONS", "End", "Filter", "Map", "Reduction", "filters", "maps"]

Test: TypeAlias = Callable[[int], bool]


@dataclass(frozen=True)
class Filter:
    """Which numbers are kept: as words, as Python, and as the truth that expected values come from."""

    name: str
    phrases: tuple[tuple[str, str], ...]
    """What is kept, as a plural noun phrase, and what each of it is, as a predicate."""
    condition: str
    test: Test
    edges: tuple[int, ...]
    """Numbers at which a slightly wrong condition shows."""


@dataclass(frozen=True)
class Reduction:
    """What becomes of the numbers that were kept."""

    name: str
    phrases: tuple[str, ...]
    """Sentences with ``{numbers}`` or ``{predicate}``, a phrase of the filter."""
    source: str
    """Python with ``{condition}``, on x."""
    steps: tuple[Step, ...] = ()
    """From the numbers that were kept to the result, one for each thing that is done."""


def filters(k: int, d: int) -> list[Filter]:
    """Every filter: with a bound `k`, a divisor `d`."""
    near = (k, k + 1, k - 1, k + 2)
    far = (d, -d, 2 * d, d + 1, d + 2)
    even, odd = ("even numbers", "even"), ("odd numbers", "odd")
    positive, negative = ("positive numbers", "positive"), ("negative numbers", "negative")
    multiple = (_that(f"divisible by {d}"), (f"multiples of {d}", f"a multiple of {d}"))
    others = (_that(f"not divisible by {d}"), (f"numbers that are not multiples of {d}", f"not a multiple of {d}"))
    at_least = (_that(f"greater than or equal to {k}"), (f"numbers that are at least {k}", f"at least {k}"))
    at_most = (_that(f"less than or equal to {k}"), (f"numbers that are at most {k}", f"at most {k}"))
    return [
        Filter("even", (even, _that("divisible by 2")), "x % 2 == 0", lambda x: x % 2 == 0, (0, -2, 3)),
        Filter("odd", (odd, _that("not divisible by 2")), "x % 2 == 1", lambda x: x % 2 == 1, (-1, -3, 2)),
        Filter("positive", (positive, _that("greater than zero")), "x > 0", lambda x: x > 0, (0, 1, -1)),
        Filter("negative", (negative, _that("less than zero")), "x < 0", lambda x: x < 0, (0, 1, -1)),
        Filter("above", (_that(f"greater than {k}"), _that(f"above {k}")), f"x > {k}", lambda x: x > k, near),
        Filter("below", (_that(f"less than {k}"), _that(f"below {k}")), f"x < {k}", lambda x: x < k, near),
        Filter("at_least", at_least, f"x >= {k}", lambda x: x >= k, near),
        Filter("at_most", at_most, f"x <= {k}", lambda x: x <= k, near),
        Filter("multiple", multiple, f"x % {d} == 0", lambda x: x % d == 0, far),
        Filter("not_multiple", others, f"x % {d} != 0", lambda x: x % d != 0, far),
        Filter(
            "different",
            (_that(f"not equal to {k}"), _that(f"different from {k}")),
            f"x != {k}",
            lambda x: x != k,
            near,
        ),
    ]


def _that(predicate: str) -> tuple[str, str]:
    return f"numbers {predicate}", predicate


def _each(change: Callable[[int], int]) -> Step:
    return lambda some: [change(x) for x in some]


def _distinct(some: list[int]) -> list[int]:
    return list(dict.fromkeys(some))


_square = _each(lambda x: x**2)
_EACH = "x for x in xs if {condition}"
REDUCTIONS = (
    Reduction(
        "sum", ("Return the sum of the {numbers} in xs.", "Add up the {numbers} in xs."), f"sum({_EACH})", (sum,)
    ),
    Reduction(
        "count",
        ("Return how many {numbers} there are in xs.", "Count the {numbers} in xs."),
        "len([x for x in xs if {condition}])",
        (len,),
    ),
    Reduction("list", ("Return a list of the {numbers} in xs.", "Keep only the {numbers} in xs."), f"[{_EACH}]"),
    Reduction(
        "squares",
        ("Return a list of the squares of the {numbers} in xs.", "Square each of the {numbers} in xs."),
        "[x ** 2 for x in xs if {condition}]",
        (_square,),
    ),
    Reduction(
        "doubles",
        ("Return a list of the {numbers} in xs, each multiplied by 2.", "Multiply each of the {numbers} in xs by 2."),
        "[x * 2 for x in xs if {condition}]",
        (_each(lambda x: 2 * x),),
    ),
    Reduction(
        "sum_of_squares",
        ("Return the sum of the squares of the {numbers} in xs.", "Add up the squares of the {numbers} in xs."),
        "sum(x ** 2 for x in xs if {condition})",
        (_square, sum),
    ),
    Reduction(
        "absolutes",
        (
            "Return a list of the absolute values of the {numbers} in xs.",
            "Take the absolute value of each of the {numbers} in xs.",
        ),
        "[abs(x) for x in xs if {condition}]",
        (_each(abs),),
    ),
    Reduction(
        "cubes",
        ("Return a list of the cubes of the {numbers} in xs.", "Cube each of the {numbers} in xs."),
        "[x ** 3 for x in xs if {condition}]",
        (_each(lambda x: x**3),),
    ),
    Reduction(
        "ascending",
        ("Return the {numbers} in xs, sorted in ascending order.", "Sort the {numbers} in xs, smallest first."),
        f"sorted({_EACH})",
        (sorted,),
    ),
    Reduction(
        "any",
        ("Return True if any number in xs is {predicate}.", "Check if any number in xs is {predicate}."),
        "any({condition} for x in xs)",
        (bool,),
    ),
    Reduction(
        "increments",
        ("Return a list of the {numbers} in xs, each increased by 1.", "Add 1 to each of the {numbers} in xs."),
        "[x + 1 for x in xs if {condition}]",
        (_each(lambda x: x + 1),),
    ),
    Reduction(
        "distinct",
        ("Return how many different {numbers} there are in xs.", "Count the distinct {numbers} in xs."),
        f"len(set({_EACH}))",
        (_distinct, len),
    ),
)


@dataclass(frozen=True)
class Map:
    """What is done with each number that was kept."""

    name: str
    phrases: tuple[str, ...]
    """Behind "each": ``increased by 2``."""
    source: str
    """Python, on x."""
    step: Step


@dataclass(frozen=True)
class End:
    """What becomes of the results, at difficulties with a map."""

    name: str
    phrases: tuple[str, ...]
    """Sentences with ``{things}``: the numbers and what is done with each."""
    source: str
    """Python with ``{each}``, an expression on x and a loop."""
    steps: tuple[Step, ...] = ()


def maps(c: int) -> list[Map]:
    """Every map, with a number `c` of at least 2."""
    return [
        Map("plus", (f"increased by {c}", f"plus {c}"), f"x + {c}", _each(lambda x: x + c)),
        Map("minus", (f"decreased by {c}", f"minus {c}"), f"x - {c}", _each(lambda x: x - c)),
        Map("times", (f"multiplied by {c}", f"times {c}"), f"x * {c}", _each(lambda x: x * c)),
        Map("from", (f"subtracted from {c}", f"taken away from {c}"), f"{c} - x", _each(lambda x: c - x)),
        Map(
            "over", (f"divided by {c} and rounded down", f"floor-divided by {c}"), f"x // {c}", _each(lambda x: x // c)
        ),
        Map("modulo", (f"modulo {c}", f"taken modulo {c}"), f"x % {c}", _each(lambda x: x % c)),
    ]


ENDS = (
    End("results", ("Return a list of {things}.", "Give {things}, as a list."), "[{each}]"),
    End("total", ("Return the sum of {things}.", "Add up {things}."), "sum({each})", (sum,)),
    End(
        "largest",
        ("Return the largest of {things}, or 0 if there is none.", "Return the maximum of {things}, or 0."),
        "max(({each}), default=0)",
        (lambda some: max(some, default=0),),
    ),
    End(
        "smallest",
        ("Return the smallest of {things}, or 0 if there is none.", "Return the minimum of {things}, or 0."),
        "min(({each}), default=0)",
        (lambda some: min(some, default=0),),
    ),
    End(
        "descending",
        ("Return {things}, in descending order.", "Sort {things}, largest first."),
        "sorted(({each}), reverse=True)",
        (lambda some: sorted(some, reverse=True),),
    ),
    End(
        "kinds",
        ("Return how many of {things}, are different.", "Count the distinct values of {things}."),
        "len(set({each}))",
        (_distinct, len),
    ),
)
FILTERS = tuple(each.name for each in filters(1, 3))
MAPS = tuple(each.name for each in maps(2))
