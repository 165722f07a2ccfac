"""Takes columns out of tables that are beside the candidate: those that only assertions read."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from gristmill.verifiers.code.split.levels import bound_in, dotted

__all__ = ["first_name", "is_mark", "names_of", "narrowed", "narrowed_rows"]

Named = Callable[[str], ast.expr | None]


def narrowed(target: ast.expr, source: ast.expr, unused: set[str], named: Named) -> tuple[ast.expr, ast.expr] | None:
    """(target, source) of a loop without the columns that are bound to unused names; None where that is not seen.

    Args:
        named: the literal that a name stands for, if it does for one.
    """
    if isinstance(source, ast.Name):
        table = named(source.id)
        return None if table is None else narrowed(target, table, unused, named)
    match target, source:
        case ast.Name(name), ast.List(rows) | ast.Tuple(rows) if name in unused:
            if any(isinstance(each, ast.Starred) for each in rows):
                return None
            return target, ast.List([ast.Constant(None)] * len(rows), ast.Load())
        case ast.Tuple([number, inner]), ast.Call(ast.Name("enumerate"), [rows, *more], keywords):
            found = narrowed(inner, rows, unused, named)
            if found is None:
                return None
            call = ast.Call(ast.Name("enumerate", ast.Load()), [found[1], *more], keywords)
            return ast.Tuple([number, found[0]], ast.Store()), call
        case ast.Tuple([_, _]), ast.Call(ast.Attribute(table, "items"), [], []):
            literal = named(table.id) if isinstance(table, ast.Name) else table
            if not isinstance(literal, ast.Dict) or any(each is None for each in literal.keys):
                return None
            pairs: list[ast.expr] = [
                ast.Tuple([first, second], ast.Load())  # type: ignore[list-item]  # no key is None
                for first, second in zip(literal.keys, literal.values, strict=True)
            ]
            return narrowed(target, ast.List(pairs, ast.Load()), unused, named)
        case ast.Tuple(targets), ast.Call(ast.Name("zip"), columns, keywords) if len(columns) == len(targets):
            kept = [place for place, each in enumerate(targets) if not _only(each, unused)]
            if not kept or len(kept) == len(targets):
                return None
            call = ast.Call(ast.Name("zip", ast.Load()), [columns[place] for place in kept], keywords)
            return ast.Tuple([targets[place] for place in kept], ast.Store()), call
        case ast.Tuple(targets) | ast.List(targets), _:
            kept = [place for place, each in enumerate(targets) if not _only(each, unused)]
            if len(kept) == len(targets):
                return None
            narrow = narrowed_rows(source, kept, len(targets), named)
            return None if narrow is None else (ast.Tuple([targets[place] for place in kept], ast.Store()), narrow)
    return None


def _only(target: ast.expr, unused: set[str]) -> bool:
    return bound_in([target]) <= unused


def narrowed_rows(source: ast.expr, kept: list[int], width: int, named: Named) -> ast.expr | None:
    """The table with these columns only, rows as tuples; None where it is no table that can be seen."""
    if isinstance(source, ast.Name):
        table = named(source.id)
        return None if table is None else narrowed_rows(table, kept, width, named)
    if isinstance(source, ast.List | ast.Tuple):
        rows = [_row(each, kept, width) for each in source.elts]
        return None if None in rows else ast.List(rows, ast.Load())  # type: ignore[arg-type]  # none is None
    if isinstance(source, ast.ListComp | ast.GeneratorExp):
        row = _row(source.elt, kept, width)
        if row is None:
            return None
        made = copy.copy(source)
        made.elt = row
        return made
    return None


def _row(node: ast.expr, kept: list[int], width: int) -> ast.expr | None:
    if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "param":
        if any(each.arg != "id" for each in node.keywords):
            return None
        node = ast.Tuple(node.args, ast.Load())
    if not isinstance(node, ast.Tuple | ast.List) or len(node.elts) != width:
        return None
    if any(isinstance(each, ast.Starred) for each in node.elts):
        return None
    return ast.Tuple([node.elts[place] for place in kept], ast.Load())


def is_mark(node: ast.expr) -> bool:
    """Whether a decorator is pytest's `parametrize`."""
    return isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "parametrize"


def names_of(mark: ast.Call) -> list[str]:
    """The parameters that it gives rows for."""
    names: Any = ast.literal_eval(mark.args[0])
    return [each.strip() for each in names.split(",") if each.strip()] if isinstance(names, str) else list(names)


def first_name(mark: ast.expr) -> str | None:
    """The first of them."""
    return names_of(mark)[0] if isinstance(mark, ast.Call) else None
