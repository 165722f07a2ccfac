"""Where an assertion is cut: what of it is evaluated beside the candidate and leaves as a value, and what stays.

Each part that depends on the candidate is cut twice: at the candidate's own result, and, for where that has no plain
form (an object, a file, a mock), above it, at what the test asks of it: attributes, items, calls, `len`. What else
stands in the assertion, the wanted side above all, is in the judge's expression alone.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field
from typing import Any

from gristmill.verifiers.code.split.levels import BUILTINS, Names, SplitError, dotted, free, root

__all__ = ["Cut", "asks_nothing", "cut", "seen"]

_AROUND = frozenset(
    (
        *("len", "list", "sorted", "tuple", "set", "frozenset", "dict", "str", "repr", "int", "float", "sum", "min"),
        *("max", "type", "bool", "next", "iter", "reversed", "enumerate", "zip", "map", "filter", "isinstance", "abs"),
        *("issubclass", "callable", "hasattr", "getattr", "hash", "vars", "dir", "round", "bytes"),
    )
)
# Methods whose argument is what is wanted of their object.
_ASKING = frozenset(
    (
        *("equals", "issubset", "issuperset", "isdisjoint", "startswith", "endswith", "allclose", "isclose", "equal"),
        *("match", "__eq__", "identical", "array_equal"),
    )
)


@dataclass
class Cut:
    """What leaves: `inner[i]` is the candidate's own result, `outer[i]` what is asked of it, by its name `seen(i)`."""

    inner: list[ast.expr] = field(default_factory=list)
    outer: list[ast.expr] = field(default_factory=list)

    @property
    def twice(self) -> bool:
        """Whether the two differ anywhere."""
        return any(not isinstance(each, ast.Name) for each in self.outer)


def seen(number: int) -> ast.Name:
    """The name of a value that has left."""
    return ast.Name(f"seen_{number}", ast.Load())


def cut(node: ast.expr, names: Names, least: int, into: Cut) -> tuple[ast.expr, ast.expr]:
    """(expression of the judge's over the inner values, the same over the outer ones).

    Raises:
        SplitError: it binds names or yields on the way.
    """
    if any(isinstance(each, ast.NamedExpr | ast.Yield | ast.YieldFrom) for each in ast.walk(node)):
        raise SplitError(f"line {getattr(node, 'lineno', 0)}: an assertion binds a name or yields")
    return _cut(node, names, least, into)


def _cut(node: ast.expr, names: Names, least: int, into: Cut) -> tuple[ast.expr, ast.expr]:
    if names.level(node) < least:
        return copy.deepcopy(node), copy.deepcopy(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASKING:
        return _asked(node, node.func, names, least, into)
    core = None if names.is_judges(node) else _core(node, names, least)
    if core is None and isinstance(node, _INSIDE):
        inner, outer = copy.copy(node), copy.copy(node)
        for field_name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                first, second = _cut(value, names, least, into)
                setattr(inner, field_name, first)
                setattr(outer, field_name, second)
            elif isinstance(value, list):
                pairs = [_part(each, names, least, into) for each in value]
                setattr(inner, field_name, [one for one, _ in pairs])
                setattr(outer, field_name, [other for _, other in pairs])
        return inner, outer
    core = core or node
    name = seen(len(into.inner))
    into.inner.append(copy.deepcopy(core))
    around: Any = _Replacing(core, name).visit(_shared_copy(node, core))
    if any(isinstance(each, ast.Await) for each in ast.walk(around)):
        # What waits cannot be asked for afterwards.
        into.inner[-1], around = copy.deepcopy(node), name
    into.outer.append(copy.deepcopy(around))
    return around, seen(len(into.inner) - 1)


def _asked(node: ast.Call, func: ast.Attribute, names: Names, least: int, into: Cut) -> tuple[ast.expr, ast.expr]:
    """``found.equals(wanted)``: what is wanted stays with the judge."""
    holders = _cut(func.value, names, least, into)
    given = [_part(each, names, least, into) for each in (*node.args, *node.keywords)]
    calls = []
    for side in (0, 1):
        made: Any = ast.Call(ast.Attribute(holders[side], func.attr, ast.Load()), [], [])
        for each in given:
            (made.keywords if isinstance(each[side], ast.keyword) else made.args).append(each[side])
        calls.append(made)
    return calls[0], calls[1]


def _part(node: ast.AST, names: Names, least: int, into: Cut) -> tuple[ast.AST, ast.AST]:
    if isinstance(node, ast.keyword):
        first, second = _cut(node.value, names, least, into)
        return ast.keyword(node.arg, first), ast.keyword(node.arg, second)
    if isinstance(node, ast.expr):
        return _cut(node, names, least, into)
    return node, node


# Every part of these is evaluated, whatever the others are.
_INSIDE = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Subscript)


def _core(node: ast.expr, names: Names, least: int) -> ast.expr | None:
    """The candidate's own result in a chain of what is asked of it; None where it is no such chain."""
    depends = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr) and names.level(each) >= least]
    match node:
        case ast.Name():
            return node
        case ast.Attribute(value):
            return _core(value, names, least) or value
        case ast.Subscript(value, index) if names.level(value) >= least and names.level(index) < least:
            return _core(value, names, least) or value
        case ast.Subscript() | ast.Await():
            return node
        case ast.Call(func):
            return _core_of_call(node, func, names, least)
        case ast.BinOp() if len(depends) == 2:
            return node
        case ast.Tuple(items) | ast.List(items) if len(depends) == len(items):
            return node if len(items) != 1 or isinstance(items[0], ast.Starred) else None
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            return _core_of_comprehension(node, names, least)
    return None


def _core_of_call(node: ast.Call, func: ast.expr, names: Names, least: int) -> ast.expr | None:
    given = [*node.args, *(each.value for each in node.keywords)]
    depends = [each for each in given if names.level(each) >= least]
    if isinstance(func, ast.Attribute) and names.level(func.value) >= least:
        if func.attr in _ASKING:
            return None
        if any(isinstance(each, ast.Await) for each in ast.walk(func.value)) or names.module_of(root(func)):
            return node
        if depends:
            return node
        return _core(func.value, names, least) or func.value
    if names.level(func) >= least:
        return node
    if isinstance(func, ast.Name) and func.id in _AROUND and names.holder(func.id) is None:
        return (_core(depends[0], names, least) or node) if len(depends) == 1 else node
    if dotted(func).rpartition(".")[2] in ("evolve", "replace", "asdict", "astuple"):
        return node
    if len(given) == 1 and not isinstance(func, ast.Lambda):
        inside = _core(given[0], names, least)
        own = isinstance(func, ast.Name) and names.holder(func.id) is not None and not names.module_of(func.id)
        if inside is None and own:
            return given[0]  # a helper of the test's may open what it is handed
        return inside if inside is not None and not isinstance(given[0], ast.Starred) else None
    return None


def _core_of_comprehension(node: ast.expr, names: Names, least: int) -> ast.expr:
    generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]  # all four have them
    first = generators[0].iter
    if names.level(first) < least or any(each.is_async for each in generators):
        return node
    rest = copy.deepcopy(node)
    rest.generators[0].iter = ast.Constant(None)  # type: ignore[attr-defined]  # as above
    if names.level(rest) >= least:
        return node
    return _core(first, names, least) or first


class _Replacing(ast.NodeTransformer):
    """One node, by identity, for another."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        """See `ast.NodeTransformer`."""
        return self._new if node is self._old else super().visit(node)


def _shared_copy(node: ast.expr, kept: ast.expr) -> ast.expr:
    """A deep copy in which one node stays the same."""
    return copy.deepcopy(node, {id(kept): kept})


def asks_nothing(node: ast.expr) -> bool:
    """Whether a judge's expression has only what has left, `None` and builtin names in it, and so wants nothing."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and not (each.value is None or isinstance(each.value, bool)):
            return False
    return all(name in BUILTINS or name.startswith("seen_") for name in free(node))
