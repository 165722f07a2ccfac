"""Guest: read a test program, split it into checks, and have it count the assertions that it really makes."""

from __future__ import annotations

import ast
import sys
from typing import Any, NamedTuple

__all__ = ["COUNTER", "Part", "asserting_raises", "counted", "modules_used", "parts", "segment"]

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
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
            _asserts(statement) or any(_asserts(each) for each in ast.walk(statement))
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


def asserting_raises(source: str) -> set[int]:
    """The lines of ``raise`` statements that stand for assertions: ``if got != wanted: raise ValueError``."""
    return {
        inner.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.If)
        for statement in (*node.body, *node.orelse)
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Raise)
    }


def _is_expectation(name: str) -> bool:
    return name in ("raises", "warns") or name.startswith(("assertRaises", "assertWarns"))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


class _Counted(ast.NodeTransformer):
    """Puts a call of `COUNTER` before every assertion."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [each for statement in block for each in _with_counter(statement)])
        return node


def _with_counter(statement: Any) -> list[Any]:
    if not isinstance(statement, ast.stmt) or not _asserts(statement):
        return [statement]
    count = ast.Expr(ast.Call(ast.Name(COUNTER, ast.Load()), [], []))
    return [ast.copy_location(count, statement), statement]


def counted(tree: ast.Module) -> ast.Module:
    """The same program with its assertions counted."""
    changed: ast.Module = ast.fix_missing_locations(_Counted().visit(tree))
    return changed


def modules_used(source: str) -> list[str]:
    """Modules of the standard library that a program uses as if a solution had imported them: ``sys.getsizeof(x)``.

    They are the judge's own here, whatever the solution calls by that name.
    """
    tree = ast.parse(source)
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    used = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return sorted((used - bound) & (sys.stdlib_module_names - {"this", "antigravity"}))


def segment(source: str, line: int) -> str:
    """The smallest statement of a program that covers a line; for messages."""
    best = None
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            size = (node.end_lineno or node.lineno) - node.lineno
            if best is None or size <= best[0]:
                best = (size, node)
    return "" if best is None else (ast.get_source_segment(source, best[1]) or "")[:1000]
