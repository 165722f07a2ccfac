"""Dictionary and number programs: over a dictionary of names and whole numbers.

At difficulty 1 a task takes some entries and closes, at 2 it changes each between: both in one expression. At 3 it is a
program of several statements, which goes through the values and keeps a number up to date.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gristmill.graph.tasks.families.composing import Combination, Composed, Draft, cases_of
from gristmill.graph.tasks.families.dictionary_parts import CLOSES, changes, dictionaries, keeps
from gristmill.graph.tasks.families.pipelines import Pipeline
from gristmill.verifiers.records import CasesTest

__all__ = ["DICTIONARY_PROGRAMS"]

_PIPELINE = Pipeline(
    what="the entries of the dictionary d",
    loop="k, v in d.items()",
    variables=("k", "v"),
    template="def f(d):\n    return {answer}",
    begin=lambda d: list(d.items()),
    inputs=dictionaries,
)


@dataclass(frozen=True)
class _Update:
    """What a value does to the number that a program keeps."""

    name: str
    phrases: tuple[str, ...]
    source: str
    update: Callable[[int, int], int]


def _updates(rng: random.Random) -> list[_Update]:
    c = rng.randint(2, 9)
    return [
        _Update("adding", ("add it to n", "increase n by it"), "n += v", lambda n, v: n + v),
        _Update("taking", ("subtract it from n", "decrease n by it"), "n -= v", lambda n, v: n - v),
        _Update("doubling", ("double n", "multiply n by 2"), "n *= 2", lambda n, _: n * 2),
        _Update("rising", (f"add {c} to n", f"increase n by {c}"), f"n += {c}", lambda n, _: n + c),
        _Update("falling", (f"subtract {c} from n", f"decrease n by {c}"), f"n -= {c}", lambda n, _: n - c),
        _Update("holding_most", ("set n to it if it is greater than n", "let n be the greater of n and it"),
                "n = max(n, v)", lambda n, v: max(n, v)),
    ]  # fmt: skip


def _program(rng: random.Random, combination: Combination, wordings: tuple[int, ...]) -> Draft:
    """A number, a loop over the values, one update for those of a kind and one for the others."""
    keep = next(each for each in keeps(rng) if each.name == combination[0])
    one = next(each for each in _updates(rng) if f"then_{each.name}" == combination[1])
    other = next(each for each in _updates(rng) if f"else_{each.name}" == combination[2])
    start, most = rng.randint(0, 9), rng.randint(20, 60)
    predicate = keep.phrases[wordings[0]]
    then, otherwise = one.phrases[wordings[1]], other.phrases[wordings[2]]
    prompt = (
        f"Start with n = {start} and go through the entries of the dictionary d in order. With the value of each of "
        f"those that {predicate}, {then}; with the value of each other, {otherwise}. "
        f"Return n, but never more than {most}."
    )
    source = (
        f"def f(d):\n    n = {start}\n    for k, v in d.items():\n"
        f"        if {keep.condition}:\n            {one.source}\n        else:\n            {other.source}\n"
        f"    return min(n, {most})"
    )
    hint = f"{predicate}: `{keep.condition}`; {then}: `{one.source}`; {otherwise}: `{other.source}`; `min(n, {most})`"

    def run(d: dict[str, int], *, test: bool = True, yes: bool = True, no: bool = True, bound: bool = True) -> int:
        n = start
        for entry in d.items():
            if not test or keep.test(entry):
                n = one.update(n, entry[1]) if yes else n
            else:
                n = other.update(n, entry[1]) if no else n
        return min(n, most) if bound else n

    def rest(chance: random.Random) -> dict[str, Any] | None:
        inputs = dictionaries(chance, [keep])
        if inputs is None:
            return None
        fewer = [_fewer(run, part) for part in ("test", "yes", "no", "bound")]
        cases = cases_of(run, fewer, *inputs)
        if cases is None:
            return None
        return {
            "kind": "code",
            "settings": {"signature": "def f(d):", "hint": hint},
            "tests": (CasesTest(entry_point="f", cases=cases[1]),),
            "public_tests": (CasesTest(entry_point="f", cases=cases[0]),),
            "reference": source,
        }

    return Draft(prompt, rest)


def _fewer(run: Callable[..., int], part: str) -> Callable[[Any], int]:
    return lambda d: run(d, **{part: False})


def _make(rng: random.Random, combination: Combination, wordings: tuple[int, ...]) -> Draft:
    if combination[1].startswith("then_"):
        return _program(rng, combination, wordings)
    keep = next(each for each in keeps(rng) if each.name == combination[0])
    change = next((each for each in changes(rng) if each.name == combination[1]), None)
    close = next(each for each in CLOSES if each.name == combination[-1])
    return _PIPELINE.draft([keep], change, close, wordings)


_ANY = random.Random("names")
_KEEPS, _CHANGES = (tuple(each.name for each in some(_ANY)) for some in (keeps, changes))
_ENDS = tuple(each.name for each in CLOSES)
_UPDATES = tuple(each.name for each in _updates(_ANY))
_COMBINATIONS: dict[int, tuple[Combination, ...]] = {
    1: tuple(itertools.product(_KEEPS, _ENDS)),
    2: tuple(itertools.product(_KEEPS, _CHANGES, _ENDS[:-1])),
    3: tuple(
        (keep, f"then_{one}", f"else_{other}") for keep in _KEEPS for one in _UPDATES for other in _UPDATES
        if one != other
    ),
}  # fmt: skip
DICTIONARY_PROGRAMS = Composed(
    name="dictionary-programs",
    usual=(1,),
    few_shot=(
        "value_above/keys",
        "key_starting/value_sum",
        "value_even/number",
        "key_longer/entries",
        "value_below/keys_ordered",
        "key_holding/value_most",
        "value_odd/values",
        "key_ending/values_ordered",
        "value_multiple/key_letters",
        "key_shorter/entries",
        "value_odd/value_plus/entries",
        "key_ending/value_times/values",
        "value_multiple/key_upper/keys",
        "key_shorter/value_squared/values_ordered",
        "key_holding/key_front/keys",
        "value_even/value_modulo/value_sum",
        "key_starting/key_backwards/keys_ordered",
        "value_above/value_minus/values",
        "value_below/value_plus/value_most",
        "key_longer/key_front/key_letters",
        "value_even/then_adding/else_falling",
        "key_longer/then_rising/else_doubling",
        "value_above/then_adding/else_taking",
    ),
    combinations=_COMBINATIONS,
    wordings=dict.fromkeys((part for each in _COMBINATIONS.values() for parts in each for part in parts), 2),
    make=_make,
)
"""Difficulties 1 to 3."""
