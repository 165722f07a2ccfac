"""List functions: one expression over a list of numbers.

At difficulty 1 a task is a filter × a reduction; at 2 a filter × a map, as a list or added up; at 3 a filter × a map ×
what else becomes of the results; at 4 it has two filters.
Each part has its parameters and is said in one of several ways. What a model can learn from the training tasks is how
the parts are written and put together; gate and test ask for combinations that training never shows.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

from gristmill.graph.tasks.families.composing import Combination, Composed, Draft, Step, cases_of, piped
from gristmill.graph.tasks.families.list_parts import ENDS, FILTERS, MAPS, REDUCTIONS, Filter, filters, maps
from gristmill.verifiers.records import CasesTest

__all__ = ["FEW_SHOT_COMBINATIONS", "LIST_FUNCTIONS", "held_out_by", "parameters", "simple"]

FEW_SHOT_COMBINATIONS = (
    "even/sum",
    "positive/count",
    "above/cubes",
    "multiple/sum_of_squares",
    "below/ascending",
    "odd/doubles",
    "not_multiple/any",
    "negative/absolutes",
    "different/distinct",
    "at_least/list",
    "positive/from/results",
    "multiple/minus/total",
    "below/over/results",
    "odd/modulo/total",
    "at_most/plus/total",
    "not_multiple/modulo/results",
    "different/from/total",
    "even/times/largest",
    "above/plus/results",
    "even/times/total",
    "positive/from/largest",
    "multiple/minus/descending",
    "below/over/kinds",
    "odd/modulo/smallest",
    "negative/times/results",
    "at_least/over/total",
    "at_most/plus/descending",
    "not_multiple/modulo/kinds",
    "different/from/smallest",
    "even/above/times/total",
    "odd/below/plus/results",
    "multiple/at_most/over/descending",
    "positive/not_multiple/modulo/kinds",
    "below/different/from/largest",
)
"""The combinations that the small prompts show; never in the gate or test split."""


_EDGE_LISTS: tuple[list[int], ...] = ([], [0], [-7, -2, -2, 7, 4, 4], [5, 5, 5], [8, -6, 3, 0, -3, 8])
_TEMPLATE = "def f(xs):\n    return {answer}"
_ENDS = tuple(end.name for end in ENDS)
_COMBINATIONS: dict[int, tuple[Combination, ...]] = {
    1: tuple(itertools.product(FILTERS, (each.name for each in REDUCTIONS))),
    2: tuple(itertools.product(FILTERS, MAPS, _ENDS[:2])),
    3: tuple(itertools.product(FILTERS, MAPS, _ENDS[2:])),
    4: tuple((*pair, each, end) for pair in itertools.combinations(FILTERS, 2) for each in MAPS for end in _ENDS),
}


def held_out_by(difficulty: int, seed: int) -> random.Random:
    """What holds combinations out. Those of difficulty 1 are the same as when there was no other."""
    rng = random.Random(f"list-functions/{seed}" if difficulty == 1 else f"list-functions/{seed}/{difficulty}")
    if difficulty == 1:
        parameters(rng)
    return rng


def parameters(rng: random.Random) -> tuple[int, int]:
    """A bound and a divisor for `filters`."""
    return rng.randint(1, 9), rng.choice((3, 4, 5, 6, 7))


def _make(rng: random.Random, combination: Combination, wordings: tuple[int, ...]) -> Draft:
    first = _filter(rng, combination[0])
    if len(combination) == 2:
        return simple(combination, wordings, first)
    some = [first] if len(combination) == 3 else [first, _filter(rng, combination[1])]
    mapped = next(each for each in maps(rng.randint(2, 9)) if each.name == combination[-2])
    end = next(each for each in ENDS if each.name == combination[-1])
    if len(some) == 1:
        numbers = first.phrases[wordings[0]][0]
    else:
        numbers = "numbers that are both " + " and ".join(
            each.phrases[way][1] for each, way in zip(some, wordings, strict=False)
        )
    condition = " and ".join(each.condition for each in some)
    change, end_said = mapped.phrases[wordings[-2]], end.phrases[wordings[-1]]
    close = end_said.format(things="…")
    hint = "; ".join(
        [f"{each.phrases[way][1]}: `{each.condition}`" for each, way in zip(some, wordings, strict=False)]
        + [f"{change}: `{mapped.source}`", f"{close}: `{end.source.format(each='… for x in xs if …')}`"]
    )
    return Draft(
        end_said.format(things=f"the {numbers} in xs, each {change}"),
        lambda chance: _rest(
            chance,
            some,
            (mapped.step, *end.steps),
            end.source.format(each=f"{mapped.source} for x in xs if {condition}"),
            hint,
        ),
    )


def _filter(rng: random.Random, name: str) -> Filter:
    return next(each for each in filters(rng.randint(1, 12), rng.randint(3, 9)) if each.name == name)


def simple(combination: Combination, wordings: tuple[int, ...], chosen: Filter) -> Draft:
    """A task of difficulty 1: a filter, with its parameters, and a reduction."""
    reduction = next(each for each in REDUCTIONS if each.name == combination[1])
    numbers, predicate = chosen.phrases[wordings[0]]
    phrase = reduction.phrases[wordings[1]]
    said = phrase.format(numbers="…", predicate="…")
    hint = f"{predicate}: `{chosen.condition}`; {said} `{reduction.source.format(condition='…')}`"
    source = reduction.source.format(condition=chosen.condition)
    return Draft(
        phrase.format(numbers=numbers, predicate=predicate),
        lambda chance: _rest(chance, [chosen], reduction.steps, source, hint),
    )


def _rest(
    rng: random.Random, some: list[Filter], steps: tuple[Step, ...], source: str, hint: str
) -> dict[str, Any] | None:
    """What a task is beside its prompt; None where its cases would not tell each part from none."""
    lists = _lists(rng, some)
    if lists is None:
        return None
    keeping: list[Step] = [_keeping(each) for each in some]
    cases = cases_of(*piped([*keeping, *steps]), lists[:2], lists[2:])
    if cases is None:
        return None
    return {
        "kind": "code",
        "settings": {"template": _TEMPLATE, "hint": hint},
        "tests": (CasesTest(entry_point="f", cases=cases[1]),),
        "public_tests": (CasesTest(entry_point="f", cases=cases[0]),),
        "reference": _TEMPLATE.format(answer=source),
    }


def _keeping(chosen: Filter) -> Step:
    return lambda xs: [x for x in xs if chosen.test(x)]


def _lists(rng: random.Random, some: list[Filter]) -> list[list[int]] | None:
    """Two public lists that show something, then hidden ones: random, with boundary numbers and repeats, and edges.

    None where no number, or every one, is kept.
    """
    edges = tuple(itertools.chain.from_iterable(itertools.zip_longest(*(each.edges for each in some))))
    edges = tuple(edge for edge in edges if edge is not None)
    lists = []
    for length in (6, 7, 8, 9, 10, 12):
        xs = [rng.randint(-12, 15) for _ in range(length)]
        xs[: len(edges)] = edges[:length]
        xs[-1] = xs[0]
        rng.shuffle(xs)
        lists.append(xs)
    # All at once at a boundary: `any` and the like see a wrong bound only where nothing else decides.
    lists += [[edge] * rng.randint(2, 3) for edge in edges]
    keeps = [x for x in range(-12, 16) if all(each.test(x) for each in some)]
    drops = [x for x in range(-12, 16) if x not in keeps]
    if not keeps or not drops:
        return None
    lists.append([rng.choice(drops) for _ in range(4)])
    lists.append([rng.choice(keeps) for _ in range(4)] * 2)
    return [*lists, *(list(xs) for xs in _EDGE_LISTS)]


LIST_FUNCTIONS = Composed(
    name="list-functions",
    usual=(1, 2),
    few_shot=FEW_SHOT_COMBINATIONS,
    combinations=_COMBINATIONS,
    wordings={name: 2 for parts in _COMBINATIONS.values() for combination in parts for name in combination},
    make=_make,
    chance=held_out_by,
)
"""Difficulties 1 to 4."""
