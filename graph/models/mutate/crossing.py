"""Two programs give one: literals at the same places, a run of statements, or one expression of the other."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Sequence
from typing import Literal

from gristmill.graph.models.mutate.constants import written
from gristmill.graph.models.mutate.kinds import FUNCTIONS
from gristmill.graph.models.mutate.places import Program
from gristmill.graph.models.mutate.sites import Site, Sites, literal_value

__all__ = ["Crossing", "cross_sites"]

Crossing = Literal["slice", "uniform", "expression", "statements"]


def cross_sites(
    program: Program, sites: Sites, other: Program, donors: Sites, how: Crossing, chance: random.Random
) -> bool:
    """Put a part of `other` into `program`; False where the two have nothing that fits.

    Args:
        program, sites: what is changed, and its places.
        other, donors: the other program and its places.
        how: `slice`: of two programs that differ in literals only, a run of them; `uniform`: each of them by a coin;
            `expression`: one of the same kind; `statements`: a run out of the function of the same name.
        chance: the only source of chance.
    """
    if how in ("slice", "uniform"):
        return _literals(sites, donors, how, chance)
    if how == "expression":
        return _expression(sites, donors, chance)
    return _statements(program, other, sites, donors, chance)


def _literals(sites: Sites, donors: Sites, how: Crossing, chance: random.Random) -> bool:
    ours, theirs = sites.literals, donors.literals
    if len(ours) != len(theirs) or any(one.domain != two.domain for one, two in zip(ours, theirs, strict=True)):
        return False
    pairs = [(one, literal_value(two.site.node)) for one, two in zip(ours, theirs, strict=True)]
    if not pairs:
        return False
    if how == "slice":
        begin, end = sorted((chance.randint(0, len(pairs)), chance.randint(0, len(pairs))))
        taken: Sequence[bool] = [begin <= at < end for at in range(len(pairs))]
    else:
        taken = [chance.random() < 0.5 for _ in pairs]
    for (literal, value), take in zip(pairs, taken, strict=True):
        if take and value is not None:
            literal.site.put(written(value))
    return True


def _expression(sites: Sites, donors: Sites, chance: random.Random) -> bool:
    if not sites.free:
        return False
    site = chance.choice(sites.free)
    fitting = [each for each in donors.free if each.kind == site.kind]
    if not fitting:
        return False
    # Names that are unknown here would only raise.
    fitting = [each for each in fitting if _known(each, site)] or fitting
    site.put(copy.deepcopy(chance.choice(fitting).node))
    return True


def _known(donor: Site, site: Site) -> bool:
    used = {node.id for node in ast.walk(donor.node) if isinstance(node, ast.Name)}
    return (used & donor.scope.kinds.keys()) <= site.scope.kinds.keys()


def _statements(program: Program, other: Program, sites: Sites, donors: Sites, chance: random.Random) -> bool:
    here, there = _outermost(program), _outermost(other)
    named = {block.function.name: block for block in donors.blocks if block.function and id(block.statements) in there}
    pairs = [
        (block, named[block.function.name])
        for block in sites.blocks
        if block.function and block.function.name in named and id(block.statements) in here
    ]
    if not pairs:
        return False
    ours, theirs = chance.choice(pairs)
    begin, end = sorted((chance.randint(0, len(ours.statements)), chance.randint(0, len(ours.statements))))
    if any(id(node) in sites.kept for node in ours.statements[begin:end]):
        return False
    first = chance.randint(0, len(theirs.statements) - 1)
    last = chance.randint(first + 1, len(theirs.statements))
    ours.statements[begin:end] = copy.deepcopy(theirs.statements[first:last])
    return True


def _outermost(program: Program) -> set[int]:
    """The blocks, by identity, that are the whole body of a function, or a whole slot."""
    bodies = {id(node.body) for node in ast.walk(program.tree) if isinstance(node, FUNCTIONS)}
    return bodies | {id(slot.statements) for slot in program.slots}
