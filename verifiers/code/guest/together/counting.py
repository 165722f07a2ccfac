"""Counts the assertions that a test program really makes: where none was made, nothing has passed.

It is the judge's rule (`guest/judge/instrument`), with nothing of what the judge adds against a candidate: plain
execution is plain. Against a candidate that ends a test before it has asserted anything.
"""

from __future__ import annotations

import ast
import sys

__all__ = ["COUNTER", "counted", "modules_named"]

COUNTER = "__gristmill_counted__"


def counted(tree: ast.Module) -> ast.Module:
    """The same program with a call of `COUNTER` before each of its assertions; the tree is changed."""
    _Counting().visit(tree)
    return ast.fix_missing_locations(tree)


class _Counting(ast.NodeTransformer):
    """Puts the call before a statement, wherever it stands."""

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if isinstance(node, ast.expr):
            return node
        self.generic_visit(node)
        if not (isinstance(node, ast.stmt) and _asserts(node)):
            return node
        call = ast.Expr(ast.Call(ast.Name(COUNTER, ast.Load()), [], []))
        return [ast.copy_location(call, node), node]


def _asserts(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _name(node.value).startswith("assert")
    if isinstance(node, ast.With | ast.AsyncWith):
        return any(_name(item.context_expr).startswith(("raises", "warns", "assert")) for item in node.items)
    if isinstance(node, ast.If | ast.Try):
        # if got != wanted: raise …; try: call(); assert False / except ValueError: pass
        return any(isinstance(each, ast.Raise | ast.Assert) for each in node.body + node.orelse)
    return isinstance(node, ast.Assert)


def _name(call: ast.expr) -> str:
    function = call.func if isinstance(call, ast.Call) else call
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def modules_named(source: str) -> list[str]:
    """Modules of the standard library that a program uses without importing them, as solutions often have."""
    tree = ast.parse(source)
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return sorted(loaded & sys.stdlib_module_names - {"this", "antigravity"})
