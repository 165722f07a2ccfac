"""Reads a test program and splits it into checks.

Against a candidate that ends, skips or cuts a test short: each check is told apart, and what counts is that an
assertion ran (`guest/counting`). And against names: modules that tests use without importing them are the judge's own.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from gristmill.verifiers.code.guest.counting.asserting import Asserting, blocks

__all__ = ["Part", "modules_used", "parts", "segment"]


class Part(NamedTuple):
    """One top-level statement of a test program. `check` is its name in the verdict, "" if it only prepares."""

    check: str
    code: Any
    line: int


def parts(source: str, filename: str, asserting: Asserting) -> list[Part]:
    """The program's top-level statements in order; each assertion, and each block that asserts, is a check.

    What asserts by a helper of any name shows only when it runs.

    Raises:
        SyntaxError: the source is no Python program.
    """
    tree = ast.parse(source, filename)
    parts = []
    asserts = 0
    for statement in tree.body:
        name = ""
        if isinstance(statement, ast.Assert):
            asserts += 1
            name = f"assert {asserts}"
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
            asserting.any_in(statement) or any(_looks_so(each) for each in _statements([statement]))
        ):
            name = f"line {statement.lineno}"
        elif _is_call(statement):
            # Names are shown of hidden tests too, so they hold nothing of the arguments.
            name = f"{_name(statement.value.func)}, line {statement.lineno}"  # type: ignore[attr-defined]  # see _is_call
        module = asserting.counted(ast.Module([statement], []))
        parts.append(Part(name, compile(module, filename, "exec", dont_inherit=True), statement.lineno))
    return parts


def _is_call(statement: ast.stmt) -> bool:
    """A bare call like ``check(candidate)``, of a function whose name says that it tests."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id.startswith(("check", "test", "run_test"))
    )


def _looks_so(node: ast.stmt) -> bool:
    """Whether a statement is written as libraries' assertions are; only its name in the verdict hangs on it."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _name(node.value.func).lower().startswith("assert")
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items]
        return any(isinstance(call, ast.Call) and _is_expectation(_name(call.func)) for call in calls)
    return False


def _is_expectation(name: str) -> bool:
    return name in ("raises", "warns") or name.startswith(("assertRaises", "assertWarns"))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _statements(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a block, at any depth. Expressions hold none, and most of a tree is expressions."""
    for statement in block:
        yield statement
        for inner in blocks(statement):
            yield from _statements(inner)


_MODULES = sys.stdlib_module_names - {"this", "antigravity"}
_BEFORE_DOT = re.compile(r"\b([^\W\d]\w*)\s*\.")


def modules_used(source: str) -> list[str]:
    """Modules of the standard library that a program uses as if a solution had imported them: ``sys.getsizeof(x)``.

    They are the judge's own here, whatever the solution calls by that name.
    """
    if _MODULES.isdisjoint(_BEFORE_DOT.findall(source)):
        return []
    bound: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            used.add(node.value.id)
    return sorted((used - bound) & _MODULES)


def segment(source: str, line: int) -> str:
    """The smallest statement of a program that covers a line; for messages."""
    best = None
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            size = (node.end_lineno or node.lineno) - node.lineno
            if best is None or size <= best[0]:
                best = (size, node)
    return "" if best is None else (ast.get_source_segment(source, best[1]) or "")[:1000]
