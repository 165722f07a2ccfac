"""Which statements of a test program decide by what they find; each is made to say so when it runs.

What counts is what runs, never a name: without one such statement having run, nothing has passed. Against test
programs that look as if they tested (a helper called `assertion` that only compares, ``assert (x == y, "message")``),
and against candidates that keep a test from asserting anything (an empty answer to a loop of assertions).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

__all__ = ["COUNTER", "Asserting", "blocks"]

COUNTER: Final = "__gristmill_asserted__"
"""A builtin of the process that runs counted programs: called just before each statement that decides."""

_LEAVES = (ast.Return, ast.Break, ast.Continue)
_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
# What ends a program with a failure where it is called; `fail` is unittest's and pytest's.
_EXITS = frozenset(("exit", "quit", "sys.exit", "os._exit", "os.abort"))
# What a condition may ask of the machine, which is the same for every candidate.
_MACHINE = frozenset(("__name__", "sys.version_info", "sys.platform", "sys.argv", "os.name", "len", "TYPE_CHECKING"))
# Raised to steer, not to say that something is wrong.
_STEERS = ("StopIteration", "StopAsyncIteration", "GeneratorExit", "NotImplementedError")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Asserting:
    """The statements that decide in the programs of one test.

    That is: an ``assert`` of more than a constant; an ``if``, ``while``, ``for``, ``match`` or ``try`` that leads to a
    ``raise`` (or to ``self.fail``, ``sys.exit`` and the like) one way and not the other; ``x == y or fail()``. In a
    function that works a value out without the candidate, a guard of its own arguments is none.

    Args:
        programs: all of their sources; what is no Python is passed over.
        names: what the test asks of the candidate, and as what.
    """

    def __init__(self, programs: Iterable[str], names: Iterable[str]) -> None:
        self._names = {*names, "candidate", "solution"}
        self._functions: dict[str, list[Function]] = {}
        self._stated: set[str] = set()
        self._imported: dict[str, str] = {}
        for program in programs:
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                self._read(ast.parse(program))

    def _read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._functions.setdefault(node.name, []).append(node)
                case ast.Expr(ast.Call(called)) | ast.Expr(ast.Await(ast.Call(called))):
                    self._stated.add(_dotted(called).rpartition(".")[2])
                case ast.ImportFrom(module) if module:
                    self._imported |= {each.asname or each.name: f"{module}.{each.name}" for each in node.names}

    def counted(self, tree: ast.Module) -> ast.Module:
        """The same program with a call of `COUNTER` before each statement that decides; the tree is changed."""
        self._count(tree.body, guards=True)
        return tree

    def any_in(self, statement: ast.stmt) -> bool:
        """Whether something in a statement decides, at any depth, functions that it defines left out."""
        return self._decides(statement) or any(self._any(block) for block in blocks(statement))

    def _any(self, block: Sequence[ast.stmt]) -> bool:
        ends = self._falls_on_an_end(block)
        return any(
            self.any_in(each) or (ends and _can_leave(each))
            for each in block
            if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        )

    def _count(self, block: list[ast.stmt], *, guards: bool) -> None:
        statements: list[ast.stmt] = []
        ends = guards and self._falls_on_an_end(block)
        for statement in block:
            inside = guards
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = not self._only_works_out(statement)
            for inner in blocks(statement):
                self._count(inner, guards=inside)
            if guards and (self._decides(statement) or (ends and _can_leave(statement))):
                name = ast.copy_location(ast.Name(COUNTER, ast.Load()), statement)
                call = ast.copy_location(ast.Call(name, [], []), statement)
                statements.append(ast.copy_location(ast.Expr(call), statement))
            statements.append(statement)
        block[:] = statements

    def _falls_on_an_end(self, block: Sequence[ast.stmt]) -> bool:
        """Whether a block that is not left earlier fails: ``if a == b: return`` and then ``raise AssertionError``."""
        return any(self._ends(each) for each in block)

    def _only_works_out(self, function: Function) -> bool:
        """Whether a function returns a value that it has worked out from its arguments, and knows no candidate.

        What it raises for arguments that are wrong decides about nothing of a candidate's. So it is with what the
        language calls by itself, a constructor say.
        """
        if function.name in self._stated or function.name.startswith("test"):
            return False
        if function.name.startswith("__") and function.name not in ("__call__", "__exit__", "__aexit__"):
            return True
        if any(isinstance(node, ast.Name) and node.id in self._names for node in ast.walk(function)):
            return False
        if any(each.arg in self._names for each in ast.walk(function) if isinstance(each, ast.arg)):
            return False
        return any(
            isinstance(each, ast.Return) and each.value is not None and not isinstance(each.value, ast.Constant)
            for each in _own(function.body)
        )

    def _decides(self, node: ast.stmt) -> bool:
        match node:
            case ast.Assert(test):
                return _truth(test) is None
            case ast.If(test) | ast.While(test) if _truth(test) is not None:
                return False
            case ast.If() | ast.While() | ast.For() | ast.AsyncFor():
                return any(map(self._ends, [*node.body, *node.orelse]))
            case ast.Match(_, cases):
                return any(self._ends(each) for case in cases for each in case.body)
            case ast.Try() | ast.TryStar():
                return any(map(self._ends, node.orelse)) or any(
                    self._ends(each) and not _is_caught(each, node) for each in node.body
                )
            case ast.Expr(ast.BoolOp(_, [_, *values])):
                return any(map(self._fails, values))
            case ast.Expr(ast.IfExp(_, first, second)):
                return self._fails(first) is not self._fails(second)
        return False

    def _ends(self, node: ast.stmt) -> bool:
        """Whether a statement fails whenever it is reached."""
        match node:
            case ast.Raise(error):
                name = _dotted(error.func if isinstance(error, ast.Call) else error).rpartition(".")[2]
                return name not in _STEERS and "Skip" not in name
            case ast.Assert(test):
                return _truth(test) is False
            case ast.Expr(value):
                return self._fails(value)
        return False

    def _fails(self, node: ast.AST | None) -> bool:
        """Whether an expression is a call of what always fails, be it the program's own."""
        if not isinstance(node, ast.Call):
            return False
        name = _dotted(node.func)
        name = self._imported.get(name, name)
        if own := self._functions.get(name.rpartition(".")[2]):
            # One that ends in a raise; its own such calls are not followed.
            return any(isinstance(each, ast.Raise) or _is_false(each) for function in own for each in function.body)
        return name in _EXITS or name.endswith(".fail")


def blocks(statement: Any) -> Iterator[list[ast.stmt]]:
    """The lists of statements that a statement holds."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if isinstance(block, list):
            yield block
    for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield branch.body


def _own(block: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a block at any depth, without those of functions and classes that it defines."""
    for statement in block:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for inner in blocks(statement):
                yield from _own(inner)


def _can_leave(statement: ast.stmt) -> bool:
    return isinstance(statement, _COMPOUND) and any(isinstance(each, _LEAVES) for each in _own([statement]))


def _truth(test: ast.expr) -> bool | None:
    """What an expression is true of where that is the same whatever anything answers; None where it may change."""
    match test:
        case ast.Constant(value):
            return bool(value)
        case ast.Tuple(items) | ast.List(items) if items and not any(isinstance(each, ast.Starred) for each in items):
            # assert (x == y, "message") is the commonest assertion that asserts nothing.
            return True
        case ast.Lambda():
            return True
        case ast.UnaryOp(ast.Not(), inner):
            truth = _truth(inner)
            return None if truth is None else not truth
    return True if _MACHINE.issuperset(_asked(test)) else None


def _asked(node: ast.AST) -> Iterator[str]:
    """The names and dotted names in an expression."""
    name = _dotted(node)
    if name and not name.startswith("."):
        yield name
        return
    for child in ast.iter_child_nodes(node):
        yield from _asked(child)


def _is_false(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assert) and _truth(node.test) is False


def _is_caught(raised: ast.stmt, statement: ast.Try | ast.TryStar) -> bool:
    """Whether handlers of a ``try`` take what a statement of its own body raises, and say nothing more of it."""
    kind = "AssertionError"
    if isinstance(raised, ast.Raise):
        error = raised.exc.func if isinstance(raised.exc, ast.Call) else raised.exc
        kind = _dotted(error).rpartition(".")[2]
    for handler in statement.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if {_dotted(each).rpartition(".")[2] for each in kinds} & {"", "Exception", "BaseException", kind}:
            return not any(isinstance(each, ast.Raise) for each in handler.body)
    return False


def _dotted(node: ast.AST | None) -> str:
    """``pytest.fail`` of a name or an attribute of one; empty for anything else."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, attribute):
            return f"{_dotted(value)}.{attribute}"
    return ""
