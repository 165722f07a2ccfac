"""`mutate` and `cross`: from one or two programs to another one.

What comes out parses and compiles, differs from its first parent, has its entry points with their signatures, has
every byte outside the marked regions, and is not larger than the rules allow. Nothing of a program runs. All chance
comes from the seed: the same programs, rules and seed give the same.
"""

from __future__ import annotations

import ast
import random
import threading
import warnings
from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

from gristmill.graph.models.mutate.changes import CHANGES, Change, constant
from gristmill.graph.models.mutate.crossing import Crossing, cross_sites
from gristmill.graph.models.mutate.formulas import FORMULAS, grown
from gristmill.graph.models.mutate.growing import Material
from gristmill.graph.models.mutate.kinds import FUNCTIONS
from gristmill.graph.models.mutate.places import Program, parsed, size
from gristmill.graph.models.mutate.pruning import prune
from gristmill.graph.models.mutate.rules import Rules
from gristmill.graph.models.mutate.sites import Sites, sites_of
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.wire.files import is_data
from gristmill.verifiers.extraction.forms.packages import files_of
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.trained.vocabulary import Vocabulary

__all__ = ["Bred", "NothingToChangeError", "cross", "mutate"]

_TRIES, _CROSSINGS, _DEEPEST, _NODES = 60, 15, 40, 200_000
"""Tries of one mutation, and of one crossing, for which two programs often have nothing; how deep a tree may be; nodes
that all tries together look at."""
_PARENTS, _CHARACTERS = 64, 100_000
"""Parents that are kept parsed, and how long all of them together may be: a tree takes some hundred times its text."""
_UNFIT = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, TypeError, AttributeError)
_STRUCTURAL: tuple[Crossing, ...] = ("expression", "statements")


class NothingToChangeError(UserError):
    """A program cannot be changed: it does not parse, or nothing in it may become anything else."""


class Bred(NamedTuple):
    """A new program and what was done: names of `CHANGES` and `FORMULAS`, or how two were crossed."""

    source: str
    done: tuple[str, ...]


class _Parent(NamedTuple):
    """A program as it was read, which nothing may change: it serves all of its children."""

    program: Program
    sites: Sites
    shape: str


def mutate(
    source: str, rules: Rules, seed: int, *, steps: int = 1, constants_only: bool = False, anew: bool = False
) -> Bred:
    """A program that differs from `source` by so many small changes.

    Args:
        source: the parent.
        rules: what may be done to it.
        seed: all chance comes from it.
        steps: how many changes, at least 1.
        constants_only: nothing but literals changes, where the program has any that can.
        anew: what a function returns is grown from nothing first, which is one of the changes.

    Raises:
        NothingToChangeError: no change was found.
    """
    old = _readable(source)
    chance = random.Random(seed)
    possible = CHANGES if rules.vocabulary is None else (*CHANGES, *FORMULAS)
    changes: list[Change] = [change for change, _ in possible]
    weights = [weight for _, weight in possible]
    literals_only = rules.literals_only or constants_only
    tries = _tries(source)
    for attempt in range(tries):
        program = _readable(source)
        if literals_only and constants_only and not rules.literals_only and attempt > tries // 2:
            literals_only = False
        done: list[str] = []
        try:
            sites, material = sites_of(program, rules), Material(program.tree, rules, chance)
            for _ in range(steps * 8):
                first = anew and not done and not literals_only
                change = constant if literals_only else grown if first else chance.choices(changes, weights)[0]
                if (said := change(sites, material)) is None:
                    continue  # nothing was touched
                done.append(said)
                if len(done) >= steps:
                    break
                sites, material = sites_of(program, rules), Material(program.tree, rules, chance)
        except _UNFIT:
            pass
        if not done:
            continue
        pruned = any(each != "constant" for each in done)
        if (text := _finished(program, old, rules, [source], pruned=pruned)) is not None:
            return Bred(text, tuple(done))
    raise NothingToChangeError(f"no change of the program was found in {tries} tries")


def cross(source: str, other: str, rules: Rules, seed: int, *, how: Crossing | None = None) -> Bred:
    """A program that has parts of two.

    Args:
        source: what most of it comes from; its text outside regions is kept.
        other: what the rest comes from.
        rules: what may be done.
        seed: all chance comes from it.
        how: see `cross_sites`; None takes slices of literals where the two differ in literals only, else the others.

    Raises:
        NothingToChangeError: nothing of the other fits, or what comes out is one of the two every time.
    """
    chance = random.Random(seed)
    try:
        one, two = _parent(source, rules), _parent(other, rules)
    except _UNFIT:
        raise NothingToChangeError("a program is nested too deeply") from None
    old, theirs, donors, alike = one.program, two.program, two.sites, one.shape == two.shape
    tries = min(_CROSSINGS, _tries(source))
    program: Program | None = None
    for attempt in range(tries):
        own: Crossing = (
            "slice"
            if alike and attempt < tries // 2
            else chance.choice(_STRUCTURAL if rules.vocabulary is None else _STRUCTURAL[:1])
        )
        way: Crossing = own if how is None else how
        if (way in ("slice", "uniform") and not alike) or (rules.literals_only and way in _STRUCTURAL):
            continue
        try:
            if program is None:
                program = _readable(source)
                sites = sites_of(program, rules)
            if not cross_sites(program, sites, theirs, donors, way, chance):
                continue  # nothing was touched
            text = _finished(program, old, rules, [source, other])
        except _UNFIT:
            text = None
        if text is not None and text != other:
            return Bred(text, (way,))
        program = None
    raise NothingToChangeError(f"no crossing of the two programs was found in {tries} tries")


def _tries(source: str) -> int:
    """A model's program may be of any length: the larger, the fewer tries."""
    return max(3, min(_TRIES, _NODES // _extent(source)[0]))


def _readable(source: str) -> Program:
    program = parsed(source)
    if program is None or not program.slots:
        raise NothingToChangeError("the program does not parse, is too large, or has no place that may change")
    return program


_LOCK = threading.Lock()
_READ: OrderedDict[str, tuple[Rules, _Parent]] = OrderedDict()


def _parent(source: str, rules: Rules) -> _Parent:
    """A program by these rules, read once as long as it is in use: to read two parents was most of a crossing."""
    with _LOCK:
        known = _READ.get(source)
        if known is not None:
            _READ.move_to_end(source)
    if known is not None and known[0] == rules:
        return known[1]
    program = _readable(source)
    parent = _Parent(program, sites_of(program, rules), _shape(source, rules))
    with _LOCK:
        _READ[source] = rules, parent
        while len(_READ) > _PARENTS or (len(_READ) > 2 and sum(map(len, _READ)) > _CHARACTERS):
            _READ.popitem(last=False)
    return parent


def _shape(source: str, rules: Rules) -> str:
    """The program without the values of its literals."""
    copy = _readable(source)
    for literal in sites_of(copy, rules).literals:
        literal.site.put(ast.Constant(value=None))
    for slot in copy.slots:
        slot.put_back()
    return ast.dump(copy.tree)


def _finished(program: Program, old: Program, rules: Rules, parents: list[str], *, pruned: bool = True) -> str | None:
    """The text of a changed program, None where it is not to be had or breaks a promise."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `1 is 1` and the like are the candidate's affair
            if pruned:
                prune(program, rules.domains)
            if rules.vocabulary is not None and not _bind(program, rules.vocabulary):
                return None
            text = program.text()
            if len(text) > LIMIT:
                return None
            tree = parse(text)
            for each in [own for path, own in files_of(text).items() if not is_data(path)] or (tree,):
                compile(each, "<bred>", "exec", dont_inherit=True)
            said = ast.dump(tree)
            if said == _dump(old.source) or said != ast.dump(program.tree):
                return None
            return text if _kept(tree, old, rules, parents) else None
    except _UNFIT:
        return None


def _bind(program: Program, vocabulary: Vocabulary) -> bool:
    """Import what a change has begun to call; False where a region leaves no room for it."""
    for slot in program.slots:
        slot.put_back()
    used = {node.id for node in ast.walk(program.tree) if isinstance(node, ast.Name)}
    known = {
        (each.asname or each.name).partition(".")[0]
        for node in ast.walk(program.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for each in node.names
    }
    missing = [text for name, text in vocabulary.bound.items() if name in used - known]
    if not missing:
        return True
    slot = program.slots[0]
    if slot.owner is not program.tree.body or slot.at != 0:
        return False
    slot.statements[:0] = [ast.parse(text).body[0] for text in missing]
    return True


def _kept(tree: ast.Module, old: Program, rules: Rules, parents: list[str]) -> bool:
    if any(_signature(tree, name) != _signature(old.tree, name) for name in rules.entry_points):
        return False
    extents = [_extent(each) for each in parents]
    most, deepest = max(size for size, _ in extents), max(depth for _, depth in extents)
    return size(tree) <= max(rules.most_nodes, most) and _depth(tree) <= max(_DEEPEST, deepest)


@lru_cache(maxsize=256)
def _dump(source: str) -> str:
    return ast.dump(_readable(source).tree)


@lru_cache(maxsize=256)
def _extent(source: str) -> tuple[int, int]:
    tree = _readable(source).tree
    return size(tree), _depth(tree)


def _signature(tree: ast.Module, name: str) -> list[str]:
    """All that binds a name at the top level, functions by their signature."""
    found = []
    for node in tree.body:
        if isinstance(node, FUNCTIONS) and node.name == name:
            found.append(
                f"{type(node).__name__} {ast.dump(node.args)} {[ast.dump(each) for each in node.decorator_list]}"
            )
        elif any(
            isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store)
            for each in ast.walk(node)
        ) or (isinstance(node, ast.ClassDef) and node.name == name):
            found.append(type(node).__name__)
    return found


def _depth(tree: ast.AST) -> int:
    deepest, left = 0, [(tree, 1)]
    while left:
        node, depth = left.pop()
        deepest = max(deepest, depth)
        left.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest
