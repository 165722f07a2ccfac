"""Which assertions want what stands beside the candidate anyway: a literal of its side, an input, a copy of one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from gristmill.sandbox.wire.values import EncodeError, encode
from gristmill.verifiers.code.driven.forms import literals
from gristmill.verifiers.code.split.checks import Site
from gristmill.verifiers.code.split.levels import Function, bound_in, dotted

__all__ = ["uncount"]


def uncount(drive: ast.Module, judge: ast.Module, sites: list[Site]) -> None:
    """Assertions whose wanted side stands beside the candidate, or is one of its inputs, prove nothing."""
    ast.fix_missing_locations(drive)
    seen = {key for _, value in literals(drive) if (key := _key(value)) is not None}
    bound: dict[str, set[str]] = defaultdict(set)
    for name, names in _bound(drive):
        bound[name] |= names
    made = dict(_made(judge))
    everywhere = bound_in(each for each in drive.body if not isinstance(each, Function | ast.ClassDef))
    everywhere |= {each.name for each in drive.body if isinstance(each, Function | ast.ClassDef)}
    for site in sites:
        if site.counted:
            own = bound[site.step] | bound[site.within] | everywhere
            site.counted = not all(_is_visible(each, own, made.get(site.step, {}), seen, 0) for each in site.wanted)


def _bound(drive: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(drive):
        if isinstance(node, Function):
            given = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
            yield node.name.removeprefix("test_"), bound_in(node.body) | given


def _made(judge: ast.Module) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    everywhere = dict(_assigned(judge.body))
    yield "", everywhere
    for node in judge.body:
        if isinstance(node, Function):
            yield node.name, everywhere | dict(_assigned(node.body))


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for each in body:
        if isinstance(each, ast.Assign) and len(each.targets) == 1 and isinstance(each.targets[0], ast.Name):
            yield each.targets[0].id, each.value


def _key(value: Any) -> bytes | None:
    try:
        return encode(value)
    except EncodeError:
        return None


_COPIES = frozenset(("copy", "deepcopy", "list", "dict", "tuple", "set", "sorted", "str", "approx"))


def _is_visible(node: ast.expr, bound: set[str], made: dict[str, ast.expr], seen: set[bytes], depth: int) -> bool:
    if depth > 8:
        return False
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    else:
        return value is None or isinstance(value, bool) or _key(value) in seen
    match node:
        case ast.Name(name):
            return name in bound or (name in made and _is_visible(made[name], bound, made, seen, depth + 1))
        case ast.Attribute(value) | ast.Subscript(value):
            return _is_visible(value, bound, made, seen, depth + 1)
        case ast.Call(func, given, _):
            name = dotted(func).rpartition(".")[2]
            if isinstance(func, ast.Attribute) and name == "copy" and not given:
                return _is_visible(func.value, bound, made, seen, depth + 1)
            return name in _COPIES and len(given) == 1 and _is_visible(given[0], bound, made, seen, depth + 1)
        case ast.List(items) | ast.Tuple(items):
            return bool(items) and all(_is_visible(each, bound, made, seen, depth + 1) for each in items)
    return False
