"""New expressions of a kind, from the names around and from what a program may call."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from gristmill.graph.models.mutate.constants import written
from gristmill.graph.models.mutate.kinds import Kind, Scope, called, kind_of
from gristmill.graph.models.mutate.rules import Rules
from gristmill.verifiers.trained.vocabulary import Vocabulary, hole_of, holed

__all__ = ["ARITHMETIC", "COMPARISONS", "Material"]

ARITHMETIC: dict[str, type[ast.operator]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "**": ast.Pow,
}
_COMMON = ("+", "-", "*", "/", "+", "-", "*", "//", "%")
COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_OF_ARRAYS = ("+", "-", "*", "+", "-", "*", "/")
_ORDER: tuple[type[ast.cmpop], ...] = COMPARISONS[:4]
_SMALL: tuple[int | float, ...] = (0, 1, 2, 1, 2, 3, 5, 10, 0.5, 0.1)
_OWN = {"abs": 1, "min": 2, "max": 2}


class Material:
    """What new expressions of one program are made of.

    Args:
        tree: the program; what it calls with plain arguments may be called again.
        rules: what may be put in.
        chance: the only source of chance.
    """

    def __init__(self, tree: ast.Module, rules: Rules, chance: random.Random) -> None:
        self.chance, self._rules = chance, rules
        self._vocabulary = rules.vocabulary
        self.functions = dict(rules.functions) if rules.functions or rules.operators else _OWN | _called_in(tree)
        self.operators: Sequence[str] = tuple(rules.operators) if rules.functions or rules.operators else _COMMON
        if self._vocabulary is not None and not rules.operators:
            self.operators = _OF_ARRAYS
        self.open = not (rules.functions or rules.operators or rules.vocabulary)
        """Whether comparisons, conditions and the like may be put in too."""

    def grow(self, kind: Kind, scope: Scope, line: int, depth: int = 2) -> ast.expr | None:
        """An expression of a kind, for the given line; None where there is nothing to make it of."""
        chance = self.chance
        if self._vocabulary is not None:
            return self._shaped(kind, scope, line, depth, self._vocabulary)
        if kind == "number":
            return self._number(scope, line, depth)
        if kind == "boolean":
            return self._boolean(scope, line, depth)
        names = scope.names(kind, line)
        if names and (kind != "list" or chance.random() < 0.9):
            return _name(chance.choice(names))
        if kind == "list":
            items = [self._number(scope, line, 0) for _ in range(chance.randint(1, 3))]
            return ast.List(elts=items, ctx=ast.Load())
        return self._number(scope, line, depth) if kind == "any" else None

    def part(self, kind: Kind, scope: Scope, line: int, depth: int) -> ast.expr | None:
        """An expression of a vocabulary that hangs on what the program is given: a number is one made of rows."""
        if self._vocabulary is None:
            return None
        if kind == "number":
            return self._called(kind, scope, line, depth, self._vocabulary)
        return self.grow(kind, scope, line, depth)

    def constant(self) -> ast.expr | None:
        """A new constant; None where there may be none."""
        constants = _SMALL if self._rules.constants is None else self._rules.constants
        return written(self.chance.choice(constants)) if constants else None

    def combined(self, node: ast.expr, other: ast.expr, operator: str | None = None) -> ast.expr:
        """Two numbers joined by an operator."""
        operator = operator or self.chance.choice(self.operators or _COMMON)
        # x - x, x % x and the like are no more than a constant; where there are none, that is how one is made.
        if operator not in ("+", "*") and _same(node, other) and (constant := self.constant()) is not None:
            other = constant
        left, right = (node, other) if self.chance.random() < 0.7 else (other, node)
        if operator == "**":
            left, right = node, ast.Constant(value=self.chance.choice((2, 3)))
        return ast.BinOp(left=left, op=ARITHMETIC[operator](), right=right)

    def call(self, first: ast.expr, scope: Scope, line: int, kind: Kind = "number") -> ast.expr | None:
        """A number, or what a vocabulary calls by its kind, as the argument of some function of that kind."""
        if self._vocabulary is not None:
            return self._called(kind, scope, line, 0, self._vocabulary, first)
        if not self.functions:
            return None
        name = self.chance.choice(sorted(self.functions))
        others = [self._number(scope, line, 0) for _ in range(self.functions[name] - 1)]
        return ast.Call(func=_dotted(name), args=[first, *others], keywords=[])

    def condition(self, node: ast.expr, other: ast.expr, scope: Scope, line: int) -> ast.expr:
        """One of two, as a condition says."""
        return ast.IfExp(test=self._boolean(scope, line, 0), body=node, orelse=other)

    def _shaped(self, kind: Kind, scope: Scope, line: int, depth: int, vocabulary: Vocabulary) -> ast.expr | None:
        """An expression of a vocabulary; None where it has none of this kind."""
        chance, way = self.chance, self.chance.random()
        if kind == "boolean":
            left, right = self.grow("row", scope, line, max(0, depth - 1)), self.grow("number", scope, line, 0)
            if chance.random() < 0.4:
                right = self.grow("row", scope, line, 0)
            if left is None or right is None:
                return None
            return ast.Compare(left=left, ops=[chance.choice(_ORDER)()], comparators=[right])
        if kind not in ("number", "row", "table"):
            return None
        # A number of an array program is mostly what a call makes of rows.
        joins, calls = (0.2, 0.8) if kind == "number" else (0.35, 0.65)
        if depth > 0 and way < joins:
            one = self.grow(kind, scope, line, depth - 1)
            two = self.grow(kind if chance.random() < 0.6 else "number", scope, line, depth - 1)
            return None if one is None or two is None else self.combined(one, two)
        if depth > 0 and way < calls and (made := self._called(kind, scope, line, depth - 1, vocabulary)) is not None:
            return made
        # What a function is not given, as its parameters have other names, would only raise.
        own = [
            text
            for text, shape in vocabulary.written.items()
            if shape == kind and names_in(text) - vocabulary.bound.keys() <= scope.kinds.keys()
        ]
        own += [name for name in scope.names(kind, line) if name not in own]
        if kind == "number" and (not own or chance.random() < 0.6):
            return self.constant() or ast.Constant(value=1.0)
        return _parsed(chance.choice(own)) if own else None

    def _called(
        self, kind: Kind, scope: Scope, line: int, depth: int, vocabulary: Vocabulary, first: ast.expr | None = None
    ) -> ast.expr | None:
        """A call that gives this kind, `first` in a hole of the same; None where there is no such call."""
        calls = [
            text
            for text, gives in vocabulary.calls.items()
            if gives == kind and (first is None or f"{{{kind}}}" in text)
        ]
        if not calls:
            return None
        made = _parsed(holed(self.chance.choice(calls)))
        holes = [(node, shape) for node in ast.walk(made) if isinstance(node, ast.expr) and (shape := hole_of(node))]
        taken = self.chance.choice([at for at, (_, shape) in enumerate(holes) if shape == kind]) if first else -1
        filled: dict[int, ast.expr] = {}
        for at, (hole, shape) in enumerate(holes):
            inner = first if at == taken else self.grow(shape, scope, line, depth)
            if inner is None:
                return None
            filled[id(hole)] = inner
        return cast("ast.expr", _Filling(filled).visit(made))

    def _number(self, scope: Scope, line: int, depth: int) -> ast.expr:
        chance, names = self.chance, scope.names("number", line)
        if depth > 0 and (way := chance.random()) < 0.6:
            one = self._number(scope, line, depth - 1)
            if way < 0.42 and self.operators:
                return self.combined(one, self._number(scope, line, depth - 1))
            if (call := self.call(one, scope, line)) is not None:
                return call
        constant = self.constant() if not names or chance.random() < 0.3 else None
        if constant is not None:
            return constant
        return _name(chance.choice(names)) if names else ast.Constant(value=1)

    def _boolean(self, scope: Scope, line: int, depth: int) -> ast.expr:
        chance, names = self.chance, [name for name in scope.names("boolean", line) if scope.kinds[name] == "boolean"]
        if names and chance.random() < 0.2:
            return _name(chance.choice(names))
        if depth > 0 and chance.random() < 0.2:
            operator = chance.choice((ast.And, ast.Or))()
            return ast.BoolOp(op=operator, values=[self._boolean(scope, line, 0), self._boolean(scope, line, 0)])
        left, right = self._number(scope, line, depth), self._number(scope, line, max(0, depth - 1))
        if _same(left, right):
            right = self.constant() or right
        return ast.Compare(left=left, ops=[chance.choice(COMPARISONS)()], comparators=[right])

    def donated(self, kind: Kind, donors: Sequence[ast.expr], scope: Scope) -> ast.expr | None:
        """A copy of an expression of that kind out of others."""
        fitting = [node for node in donors if kind_of(node, scope) == kind]
        return copy.deepcopy(self.chance.choice(fitting)) if fitting else None


class _Filling(ast.NodeTransformer):
    """Puts expressions into the holes of a call."""

    def __init__(self, filled: dict[int, ast.expr]) -> None:
        self._filled = filled

    def visit(self, node: ast.AST) -> ast.AST:
        return self._filled[id(node)] if id(node) in self._filled else self.generic_visit(node)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=1024)
def names_in(text: str) -> frozenset[str]:
    """The names that an expression reads."""
    return frozenset(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))


def _same(one: ast.expr, two: ast.expr) -> bool:
    return isinstance(one, ast.Name) and isinstance(two, ast.Name) and one.id == two.id


def _dotted(name: str) -> ast.expr:
    first, *rest = name.split(".")
    node: ast.expr = _name(first)
    for each in rest:
        node = ast.Attribute(value=node, attr=each, ctx=ast.Load())
    return node


def _name(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def _called_in(tree: ast.Module) -> dict[str, int]:
    """Functions of modules that the program calls with one to three plain arguments."""
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not node.keywords and 1 <= len(node.args) <= 3:
            name = called(node.func)
            if name.startswith(("math.", "np.", "numpy.")) and not any(isinstance(a, ast.Starred) for a in node.args):
                found.setdefault(name, len(node.args))
    return found
