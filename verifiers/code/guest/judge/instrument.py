"""Reads a test program, splits it into checks, and has it count the assertions that it really makes.

Where no assertion was counted and no test ran, there is no pass. Against a candidate that ends, skips or cuts a test
short before it has asserted anything, and against names: modules that tests use without importing them are the
judge's own.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["COUNTER", "Part", "counted", "modules_used", "parts", "segment"]

COUNTER = "__gristmill_asserted__"


class Part(NamedTuple):
    """One top-level statement of a test program. `check` is its name in the verdict, "" if it only prepares."""

    check: str
    code: Any
    line: int


def parts(source: str, filename: str) -> list[Part]:
    """The program's top-level statements in order; each assertion, and each block that asserts, is a check.

    Raises:
        SyntaxError: the source is no Python program.
    """
    tree = ast.parse(source, filename)
    found = []
    asserts = 0
    for statement in tree.body:
        name = ""
        if isinstance(statement, ast.Assert):
            asserts += 1
            name = f"assert {asserts}"
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and any(
            _asserts(each) for each in _statements([statement])
        ):
            name = f"line {statement.lineno}"
        elif _is_call(statement):
            # Names are shown of hidden tests too, so they hold nothing of the arguments.
            name = f"{_name(statement.value.func)}, line {statement.lineno}"  # type: ignore[attr-defined]  # see _is_call
        module = counted(ast.Module([statement], []))
        found.append(Part(name, compile(module, filename, "exec", dont_inherit=True), statement.lineno))
    return found


def _is_call(statement: ast.stmt) -> bool:
    """A bare call like ``check(candidate)``, of a function whose name says that it tests."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id.startswith(("check", "test", "run_test"))
    )


def _asserts(node: ast.AST) -> bool:
    """Whether a statement is an assertion, in one of the ways that tests are written."""
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _name(node.value.func).lower().startswith("assert")
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items]
        return any(isinstance(call, ast.Call) and _is_expectation(_name(call.func)) for call in calls)
    if isinstance(node, ast.If):
        return any(isinstance(each, ast.Raise) for each in node.body + node.orelse)
    if isinstance(node, ast.Try):
        # try: call(); assert False / except ValueError: pass
        return any(isinstance(each, ast.Raise | ast.Assert) for each in node.body + node.orelse)
    return False


def _is_expectation(name: str) -> bool:
    return name in ("raises", "warns") or name.startswith(("assertRaises", "assertWarns"))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _blocks(statement: Any) -> Iterator[list[ast.stmt]]:
    """The lists of statements that a statement holds."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if isinstance(block, list):
            yield block
    for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield branch.body


def _statements(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a block, at any depth. Expressions hold none, and most of a tree is expressions."""
    for statement in block:
        yield statement
        for inner in _blocks(statement):
            yield from _statements(inner)


def counted(tree: ast.Module) -> ast.Module:
    """The same program with a call of `COUNTER` before each of its assertions; the tree is changed."""
    _count(tree.body)
    return tree


def _count(block: list[ast.stmt]) -> None:
    found: list[ast.stmt] = []
    for statement in block:
        for inner in _blocks(statement):
            _count(inner)
        if _asserts(statement):
            name = ast.copy_location(ast.Name(COUNTER, ast.Load()), statement)
            call = ast.copy_location(ast.Call(name, [], []), statement)
            found.append(ast.copy_location(ast.Expr(call), statement))
        found.append(statement)
    block[:] = found


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
