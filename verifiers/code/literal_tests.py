"""Test programs that only call the candidate with literals and compare with literals: they need no judge process.

Most published tests are ``assert f([1, 2]) == 3``. What such a program asks and wants can be read without running it:
`literal_run` sends its calls to the candidate as cases and compares outside, by Python's ``==`` on plain builtins. A
program with anything else in it is left to the judge.
"""

from __future__ import annotations

import ast
import builtins
import collections
import functools
import heapq
import itertools
import math
import operator
import re
import string
import typing
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gristmill.sandbox.wire.values import EncodeError, encode
from gristmill.verifiers.code.literals import WRAPPERS, NotLiteralError, literal, number, wrapped

__all__ = ["Assertion", "LiteralProgram", "assertion", "literal_program"]

# Reading costs the host time and stack, and a test program may be anybody's.
_MOST_CHARACTERS, _MOST_BRACKETS = 200_000, 40

# What set-ups of published tests import, mostly for the annotations of the solution.
_KNOWN = {module.__name__: module for module in (collections, functools, heapq, itertools, math, re, string, typing)}

# Names that a set-up must not give another meaning to.
_MEANT = frozenset((*WRAPPERS, "abs", "print", "candidate", "check"))

Holds = Callable[[Any], bool]


@dataclass(frozen=True)
class Assertion:
    """One call and what must hold of its value. `check` is the name of the check that it is part of.

    `wanted` is a value that holds, where that alone does: the call is compared with it by ``==`` or ``is``.
    """

    check: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    entry_point: str
    holds: Holds
    test: ast.expr
    wanted: tuple[Any, ...] = ()

    @property
    def line(self) -> int:
        """Where it stands in the program."""
        return self.test.lineno

    @property
    def text(self) -> str:
        """What it says."""
        return f"assert {ast.unparse(self.test)}"


@dataclass(frozen=True)
class LiteralProgram:
    """All assertions in their order, and the names of the checks in theirs."""

    checks: tuple[str, ...]
    assertions: tuple[Assertion, ...]


@lru_cache(maxsize=512)
def literal_program(code: str, setup: str, entry_points: tuple[str, ...]) -> LiteralProgram | None:
    """What a test program asks and wants, or None if it must be run to know."""
    if len(entry_points) != 1 or len(code) + len(setup) > _MOST_CHARACTERS or _depth(code + setup) > _MOST_BRACKETS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
            trees = ast.parse(setup), ast.parse(code)
        return _Reader(entry_points[0]).read(trees[1]) if _is_idle(trees[0], entry_points[0]) else None
    except (NotLiteralError, SyntaxError, ValueError, RecursionError, MemoryError, EncodeError):
        return None


def _depth(code: str) -> int:
    """How deeply brackets are nested, at most; those in strings count as well."""
    depth = most = 0
    for character in code:
        if character in "([{":
            depth += 1
            most = max(most, depth)
        elif character in ")]}":
            depth -= 1
    return most


def _is_idle(tree: ast.Module, entry_point: str) -> bool:
    """Whether a set-up does nothing to the calls: imports of what is there, literals, functions that nobody calls."""
    names, imported = {entry_point, *_MEANT}, set[str]()
    for statement in tree.body:
        match statement:
            case ast.Import() | ast.ImportFrom() if _is_known(statement):
                imported.update(each.asname or each.name for each in statement.names)
                if names & imported:
                    return False
            case ast.FunctionDef(name) if name not in names and not statement.decorator_list:
                if not _has_idle_signature(statement, imported | set(dir(builtins))):
                    return False
            case _ if not _prepares(statement, names):
                return False
    return True


def _is_known(statement: ast.Import | ast.ImportFrom) -> bool:
    match statement:
        case ast.Import(names):
            return all(each.name in _KNOWN for each in names)
        case ast.ImportFrom(str(module), names, 0) if module in _KNOWN:
            return all(each.name == "*" or hasattr(_KNOWN[module], each.name) for each in names)
    return False


def _has_idle_signature(function: ast.FunctionDef, types: set[str]) -> bool:
    """Whether annotations only name types that are there, and defaults are literals: all else runs with the ``def``."""
    given = function.args
    for default in (*given.defaults, *given.kw_defaults):
        if default is not None:
            ast.literal_eval(default)
    every = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
    annotations = [each.annotation for each in every if each is not None] + [function.returns]
    return all(_names_types(each, types) for each in annotations if each is not None)


def _names_types(annotation: ast.expr, types: set[str]) -> bool:
    match annotation:
        case ast.Constant():
            return True
        case ast.Name(name):
            return name in types
        case ast.Subscript(value, inner):
            return _names_types(value, types) and _names_types(inner, types)
        case ast.Tuple(inner):
            return all(_names_types(each, types) for each in inner)
    return False


class _Reader:
    """Reads one program; the names of checks are those that the judge gives."""

    def __init__(self, entry_point: str) -> None:
        self.entry_point = entry_point
        self.checks: list[str] = []
        self.assertions: list[Assertion] = []

    def read(self, tree: ast.Module) -> LiteralProgram:
        check: ast.FunctionDef | None = None
        called = False
        asserts = 0
        for statement in tree.body:
            if isinstance(statement, ast.Assert):
                asserts += 1
                self._check(f"assert {asserts}", [statement], {self.entry_point, "candidate"}, alone=True)
            elif isinstance(statement, ast.FunctionDef) and statement.name == "check" and check is None:
                check = statement
            elif check is not None and not called and self._calls_check(statement):
                called = True
                self._function(f"check, line {statement.lineno}", check)
            elif not _prepares(statement, {self.entry_point, "candidate", "check"}):
                raise NotLiteralError
        if check is not None and not called:
            self._function("check", check)
        if not self.assertions or self.entry_point == "check":
            raise NotLiteralError
        return LiteralProgram(tuple(self.checks), tuple(self.assertions))

    def _calls_check(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Expr(ast.Call(ast.Name("check"), [ast.Name(name)], [])):
                return name in (self.entry_point, "candidate")
        return False

    def _function(self, name: str, check: ast.FunctionDef) -> None:
        match check.args:
            case ast.arguments([], [ast.arg(parameter)], None, [], [], None, []):
                if check.decorator_list or parameter == "check":
                    raise NotLiteralError
                # The global name means the same, unless the parameter hides it.
                self._check(name, check.body, {self.entry_point, parameter})
            case _:
                raise NotLiteralError

    def _check(self, name: str, body: list[ast.stmt], callees: set[str], *, alone: bool = False) -> None:
        self.checks.append(name)
        before = len(self.assertions)
        for statement in body:
            if not isinstance(statement, ast.Assert):
                if isinstance(statement, ast.Pass) or _prepares(statement, None):
                    continue
                raise NotLiteralError
            # A message is made after its assertion has failed; in a check nothing comes after that.
            if (
                alone
                and statement.msg is not None
                and any(isinstance(each, ast.Call) for each in ast.walk(statement.msg))
            ):
                raise NotLiteralError
            if isinstance(statement.test, ast.Constant) and statement.test.value:
                continue
            self.assertions.append(assertion(name, statement.test, callees, self.entry_point))
        if len(self.assertions) == before:
            # It would pass whatever the candidate is; the judge knows what to say of that.
            raise NotLiteralError


def _prepares(statement: ast.stmt, taken: set[str] | None) -> bool:
    """Whether a statement is a constant, or (where names may be given) names a literal that means nothing here."""
    match statement:
        case ast.Expr(ast.Constant() | ast.Name("print")):
            return True
        case ast.Assign([ast.Name(name)], value) if taken is not None and name not in taken:
            ast.literal_eval(value)
            return True
    return False


def assertion(check: str, test: ast.expr, callees: set[str], entry_point: str) -> Assertion:
    """What an expression asserts.

    Raises:
        NotLiteralError: it is another kind of expression; so are the others that `literal` raises.
    """
    holds: Holds
    alone: tuple[Any, ...] = ()
    match test:
        case ast.Compare(ast.Call(ast.Name(name), [ast.Call() as call], []), [ast.Eq()], [wanted]) if name in WRAPPERS:
            wrap, same = WRAPPERS[name], wrapped(wanted)
            holds = lambda answer: bool(wrap(answer) == same)  # noqa: E731
        case ast.Compare(ast.Call() as call, [ast.Eq()], [wanted]) | ast.Compare(
            wanted, [ast.Eq()], [ast.Call() as call]
        ):
            value = wrapped(wanted)
            holds, alone = lambda answer: bool(answer == value), (value,)
        case ast.Compare(
            ast.Call(ast.Name("abs"), [ast.BinOp(ast.Call() as call, ast.Sub(), wanted)], []), [ast.Lt()], [most]
        ):
            near, far = number(wanted), number(most)
            holds = lambda answer: type(answer) in (int, float, bool) and abs(answer - near) < far  # noqa: E731
        case ast.Compare(ast.Call() as call, [ast.Is()], [ast.Constant(None | True | False as constant)]):
            holds, alone = lambda answer: answer is constant, (constant,)
        case ast.Call() as call:
            holds = bool
        case ast.UnaryOp(ast.Not(), ast.Call() as call):
            holds = operator.not_
        case _:
            raise NotLiteralError
    if not isinstance(call.func, ast.Name) or call.func.id not in callees:
        raise NotLiteralError
    args = tuple(literal(each) for each in call.args)
    kwargs = {str(each.arg): literal(each.value) for each in call.keywords if each.arg is not None}
    if len(kwargs) < len(call.keywords):
        raise NotLiteralError
    encode([list(args), kwargs])
    return Assertion(check, args, kwargs, entry_point, holds, test, alone)
