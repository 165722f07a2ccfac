"""The parts of tasks over a dictionary of names and whole numbers: which entries, what becomes of each, what of all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeAlias

from gristmill.graph.tasks.families.pipelines import Change, Close, Inputs, Keep

__all__ = ["CLOSES", "changes", "dictionaries", "keeps"]

Entry: TypeAlias = tuple[str, int]
_KEYS = (
    "a b Ann Bob cat dog fig Ida Joe kiwi lime milk pear plum Rome salt apple bread Clara grape lemon mango olive "
    "tomato banana carrot orange potato Madrid cabbage spinach"
).split()
_LETTERS = "abcegilmnoprst"
_ENTRIES = [(key, value) for key in _KEYS for value in range(-3, 31)]


def keeps(rng: random.Random) -> list[Keep]:
    """Every condition on an entry, with its parameters drawn."""
    k, d, n, c = rng.randint(1, 24), rng.randint(3, 7), rng.randint(3, 5), rng.choice(_LETTERS)
    return [
        Keep(
            "value_above",
            (f"have a value greater than {k}", f"have a value above {k}"),
            f"v > {k}",
            lambda e: e[1] > k,
        ),
        Keep("value_below", (f"have a value less than {k}", f"have a value below {k}"), f"v < {k}", lambda e: e[1] < k),
        Keep(
            "value_even",
            ("have an even value", "have a value divisible by 2"),
            "v % 2 == 0",
            lambda e: e[1] % 2 == 0,
        ),
        Keep("value_odd", ("have an odd value", "have a value that is odd"), "v % 2 == 1", lambda e: e[1] % 2 == 1),
        Keep(
            "value_multiple",
            (f"have a value divisible by {d}", f"have a multiple of {d} as value"),
            f"v % {d} == 0",
            lambda e: e[1] % d == 0,
        ),
        Keep(
            "key_starting",
            (f"have a key that starts with '{c}'", f"have a key beginning with '{c}'"),
            f"k.startswith('{c}')",
            lambda e: e[0].startswith(c),
        ),
        Keep(
            "key_ending",
            (f"have a key that ends with '{c}'", f"have a key ending in '{c}'"),
            f"k.endswith('{c}')",
            lambda e: e[0].endswith(c),
        ),
        Keep(
            "key_holding",
            (f"have a key that contains '{c}'", f"have '{c}' in their key"),
            f"'{c}' in k",
            lambda e: c in e[0],
        ),
        Keep(
            "key_longer",
            (f"have a key of more than {n} letters", f"have a key longer than {n}"),
            f"len(k) > {n}",
            lambda e: len(e[0]) > n,
        ),
        Keep(
            "key_shorter",
            (f"have a key of fewer than {n} letters", f"have a key shorter than {n}"),
            f"len(k) < {n}",
            lambda e: len(e[0]) < n,
        ),
    ]


def changes(rng: random.Random) -> list[Change]:
    """Every change of an entry, with its parameters drawn."""
    c, n = rng.randint(2, 12), rng.randint(2, 3)
    return [
        Change(
            "value_plus",
            (f"add {c} to each value", f"increase each value by {c}"),
            {"v": f"v + {c}"},
            lambda e: (e[0], e[1] + c),
        ),
        Change(
            "value_minus",
            (f"subtract {c} from each value", f"decrease each value by {c}"),
            {"v": f"v - {c}"},
            lambda e: (e[0], e[1] - c),
        ),
        Change(
            "value_times",
            (f"multiply each value by {c}", f"take {c} times each value"),
            {"v": f"v * {c}"},
            lambda e: (e[0], e[1] * c),
        ),
        Change(
            "value_modulo",
            (f"take each value modulo {c}", f"take the remainder of each value divided by {c}"),
            {"v": f"v % {c}"},
            lambda e: (e[0], e[1] % c),
        ),
        Change(
            "value_squared",
            ("square each value", "multiply each value by itself"),
            {"v": "v ** 2"},
            lambda e: (e[0], e[1] ** 2),
        ),
        Change(
            "key_upper",
            ("write each key in upper case", "capitalize all letters of each key"),
            {"k": "k.upper()"},
            lambda e: (e[0].upper(), e[1]),
        ),
        Change(
            "key_backwards",
            ("reverse each key", "write each key backwards"),
            {"k": "k[::-1]"},
            lambda e: (e[0][::-1], e[1]),
        ),
        Change(
            "key_front",
            (f"cut each key to {n} letters", f"take the first {n} letters of each key"),
            {"k": f"k[:{n}]"},
            lambda e: (e[0][:n], e[1]),
        ),
    ]


def _keys(entries: list[Entry]) -> list[str]:
    return [k for k, _ in entries]


def _values(entries: list[Entry]) -> list[int]:
    return [v for _, v in entries]


CLOSES = (
    Close(
        "entries",
        ("Return a dictionary of {things}.", "Keep only {things}."),
        ("return them as a dictionary", "put them in a dictionary"),
        "{{{k}: {v} for {loop}}}",
        (dict,),
    ),
    Close(
        "keys",
        ("Return a list of the keys of {things}.", "List the keys of {things}."),
        ("return a list of their keys", "list their keys"),
        "[{k} for {loop}]",
        (_keys,),
    ),
    Close(
        "keys_ordered",
        ("Sort the keys of {things}.", "Return the sorted keys of {things}."),
        ("return their keys sorted", "sort their keys"),
        "sorted({k} for {loop})",
        (_keys, sorted),
    ),
    Close(
        "values",
        ("Return a list of the values of {things}.", "List the values of {things}."),
        ("return a list of their values", "list their values"),
        "[{v} for {loop}]",
        (_values,),
    ),
    Close(
        "value_sum",
        ("Add up the values of {things}.", "Return the sum of the values of {things}."),
        ("add up their values", "return the sum of their values"),
        "sum({v} for {loop})",
        (_values, sum),
    ),
    Close(
        "values_ordered",
        ("Sort the values of {things}.", "Return the values of {things} in ascending order."),
        ("return their values in ascending order", "sort their values"),
        "sorted({v} for {loop})",
        (_values, sorted),
    ),
    Close(
        "value_most",
        (
            "Return the greatest value of {things}, or 0 without any.",
            "Return the largest of the values of {things}, or 0.",
        ),
        ("return the greatest value, or 0 without any", "return the largest of their values, or 0"),
        "max(({v} for {loop}), default=0)",
        (_values, lambda some: max(some, default=0)),
    ),
    Close(
        "key_letters",
        ("Add up the lengths of the keys of {things}.", "Return how many letters the keys of {things} have together."),
        ("add up the lengths of their keys", "return how many letters their keys have together"),
        "sum(len({k}) for {loop})",
        (_keys, lambda some: [len(k) for k in some], sum),
    ),
    Close(
        "number",
        ("Count {things}.", "Return the number of {things}."),
        ("count them", "return how many there are"),
        "len([{k} for {loop}])",
        (len,),
    ),
)


_known: dict[tuple[str, ...], tuple[list[Entry], list[Entry]]] = {}


def _parted(wanted: Sequence[Keep]) -> tuple[list[Entry], list[Entry]]:
    """The entries that are taken, and the others; a condition says all that it tests."""
    name = tuple(each.condition for each in wanted)
    if name not in _known:
        taken = [entry for entry in _ENTRIES if all(each.test(entry) for each in wanted)]
        others = [entry for entry in _ENTRIES if not all(each.test(entry) for each in wanted)]
        _known[name] = taken, others
    return _known[name]


def dictionaries(rng: random.Random, wanted: Sequence[Keep]) -> Inputs | None:
    """Dictionaries of entries that are taken and of others, of one kind only, and with values at every bound."""
    taken, others = _parted(wanted)
    if len({key for key, _ in taken}) < 3 or len(others) < 3:
        return None
    made = []
    for size in (4, 5, 6, 7, 8):
        some = [rng.choice(taken if place % 2 else others) for place in range(size)]
        some.append((rng.choice(_KEYS), some[1][1]))
        rng.shuffle(some)
        made.append(dict(some))
    for offset in (-2, 9, 3):
        keys = rng.sample(_KEYS, 24)
        made.append({key: offset + place for place, key in enumerate(keys)})
    made += [dict(rng.choice(taken) for _ in range(4)), dict(rng.choice(others) for _ in range(2)), {}]
    return made[:2], made[2:]
