"""All mechanisms, in a fixed order."""

from __future__ import annotations

from gristmill.verifiers.attacks import (
    aliasing,
    callbacks,
    deciding,
    endings,
    equality,
    escapes,
    exits,
    messages,
    oracle,
    protocol,
    reach,
    resources,
    runner,
    shadowing,
    unscored,
    weak,
)
from gristmill.verifiers.attacks.records import Attack

__all__ = ["ATTACKS", "chosen"]

_FAMILIES = (
    *(weak, exits, equality, reach, runner, shadowing, oracle, callbacks, endings, deciding, aliasing, protocol),
    *(resources, escapes, unscored, messages),
)

ATTACKS: tuple[Attack, ...] = tuple(attack for family in _FAMILIES for attack in family.ATTACKS)
"""Every attack. Weak candidates come first: what passes because tests are weak is no hole in the judge."""


def chosen(words: list[str]) -> tuple[Attack, ...]:
    """The attacks of these names or families, in the catalogue's order; all of them for no words.

    Raises:
        KeyError: a word is neither; it is the error's argument.
    """
    known = {attack.name for attack in ATTACKS} | {attack.family.value for attack in ATTACKS}
    for word in words:
        if word not in known:
            raise KeyError(word)
    return tuple(attack for attack in ATTACKS if not words or {attack.name, attack.family.value} & set(words))
