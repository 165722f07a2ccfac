"""All mechanisms, in a fixed order."""

from __future__ import annotations

from gristmill.verifiers.attacks import (
    aliasing,
    beside_drive,
    beside_tests,
    callbacks,
    deciding,
    endings,
    equality,
    escapes,
    exits,
    functions,
    losses,
    messages,
    oracle,
    patches,
    protocol,
    reach,
    replies,
    reporting,
    resources,
    rewards,
    runner,
    scores,
    shadowing,
    timings,
    unscored,
    weak,
)
from gristmill.verifiers.attacks.records import Attack

__all__ = ["ATTACKS", "OTHERS", "chosen"]

_FAMILIES = (
    *(weak, exits, equality, reach, runner, shadowing, oracle, callbacks, endings, deciding, aliasing, protocol),
    *(resources, escapes, unscored, messages),
)

ATTACKS: tuple[Attack, ...] = tuple(attack for family in _FAMILIES for attack in family.ATTACKS)
"""Every attack on code. Weak candidates come first: what passes because tests are weak is no hole in the judge."""

OTHERS: tuple[Attack, ...] = tuple(
    attack
    for family in (replies, functions, rewards, losses, patches, beside_tests, scores, timings, beside_drive, reporting)
    for attack in family.ATTACKS
)
"""Every attack on tasks of other kinds, on repositories, on evaluators, and on the process of `drive`; but for the
first those on code are tried too."""


def chosen(words: list[str]) -> tuple[Attack, ...]:
    """The attacks of these names or families, in the catalogue's order; all of them for no words.

    Raises:
        KeyError: a word is neither; it is the error's argument.
    """
    every = (*ATTACKS, *OTHERS)
    choices = {attack.name for attack in every} | {attack.family.value for attack in every}
    for word in words:
        if word not in choices:
            raise KeyError(word)
    return tuple(attack for attack in every if not words or {attack.name, attack.family.value} & set(words))
