"""Reasoning puzzles: short answers to items of reasoning-gym's generators, by the generators' own settings.

A task is a generator × how many things it has × how large they are; difficulty is how many. It shares no part and no
template with the families of programs, so what is trained on those can be reported on it. Needs the extra `reasoning`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from gristmill.graph.tasks.families.composing import Combination, Composed, Draft
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.reasoning.verifier import ASK

__all__ = ["REASONING_PUZZLES"]

Settings = dict[str, Any]
_SIZES = (1, 2, 3, 4)


def _digits(size: int) -> Settings:
    return {"min_digits": (1, 1, 2, 2)[size - 1], "max_digits": (1, 2, 2, 3)[size - 1]}


_GENERATORS: dict[str, tuple[Callable[[int, int], Settings], str]] = {
    "chain_sum": (
        lambda many, size: {"min_terms": many, "max_terms": many} | _digits(size),
        "work from the left to the right, one number at a time",
    ),
    "decimal_chain_sum": (
        lambda many, size: {
            "min_terms": many,
            "max_terms": many,
            "min_digits": 1,
            "max_digits": 1 + size // 2,
            "min_decimal_places": 1 + size // 4,
            "max_decimal_places": 1 + size // 3,
        },
        "work from the left to the right, with the points of the numbers below each other",
    ),
    "products": (
        lambda many, size: {"min_terms": many, "max_terms": many} | _digits(size),
        "multiply the first number by each digit of the next, and add",
    ),
    "gcd": (
        lambda many, size: {"min_numbers": many, "max_numbers": many, "max_value": (10, 20, 50, 200)[size - 1]},
        "divide the greater by the lesser and go on with the remainder until it is 0",
    ),
    "lcm": (
        lambda many, size: {"min_numbers": many, "max_numbers": many, "max_value": (6, 10, 20, 50)[size - 1]},
        "multiply the numbers and divide by what they have in common",
    ),
    "leg_counting": (
        lambda many, size: {
            "min_animals": many,
            "max_animals": many,
            "min_instances": 1,
            "max_instances": (2, 4, 6, 10)[size - 1],
        },
        "multiply each animal's number by its legs (insects have 6, spiders 8), and add",
    ),
    "number_filtering": (
        lambda many, size: {
            "min_numbers": many + 1,
            "max_numbers": many + 1,
            "min_decimals": size // 3,
            "max_decimals": size // 3,
            "min_value": -20.0 if size % 2 else -100.0,
            "max_value": 20.0 if size % 2 else 100.0,
        },
        "compare each number of the list with the given one, and keep or leave it out",
    ),
    "simple_equations": (
        lambda many, size: {"min_terms": many, "max_terms": many, "max_value": (5, 10, 20, 50)[size - 1]},
        "bring everything with the unknown to one side, and divide",
    ),
}
"""reasoning-gym's data set → its settings, by how many things and how large, and a hint."""


def _make(rng: random.Random, combination: Combination, wordings: tuple[int, ...]) -> Draft:
    if find_spec("reasoning_gym") is None:
        raise UserError("reasoning-gym is not installed: pip install 'gristmill[reasoning]'")
    import reasoning_gym

    name, many, size = combination[0], int(combination[1][-1]), int(combination[2][-1])
    settings, hint = _GENERATORS[name]
    config, seed = settings(many, size), rng.getrandbits(31)
    item = reasoning_gym.create_dataset(name, seed=seed, size=1, **config)[0]
    check = {"dataset": name, "seed": seed, "size": 1, "index": 0, "version": version("reasoning-gym")}
    rest = {
        "kind": "reasoning",
        "check": check | {"config": config},
        "settings": {"hint": hint},
        "reference": f"<answer>{item['answer']}</answer>",
    }
    return Draft(item["question"] + ASK, lambda _: rest)


_COMBINATIONS: dict[int, tuple[Combination, ...]] = {
    level: tuple((name, f"many_{many}", f"size_{size}") for name in _GENERATORS for many in some for size in _SIZES)
    for level, some in {1: (2,), 2: (3,), 3: (4, 5)}.items()
}
REASONING_PUZZLES = Composed(
    name="reasoning-puzzles",
    usual=(1,),
    few_shot=(
        "chain_sum/many_2/size_3",
        "decimal_chain_sum/many_2/size_1",
        "products/many_2/size_1",
        "gcd/many_2/size_1",
        "lcm/many_2/size_1",
        "leg_counting/many_2/size_1",
        "number_filtering/many_2/size_1",
        "simple_equations/many_2/size_1",
    ),
    combinations=_COMBINATIONS,
    wordings=dict.fromkeys((part for each in _COMBINATIONS.values() for parts in each for part in parts), 1),
    make=_make,
)
"""Difficulties 1 to 3."""
