"""What a change leaves behind that does nothing is taken out: it costs time, and hides that nothing has changed.

Only statements that a change has touched are pruned. What goes: what stands behind a `return`; an assignment that
nobody reads; a condition that is decided as it stands, or whose branches are the same; an operation without effect
(`abs(abs(x))`, `min(x, x)`, `x + 0`, `x * 1`); sums and the like of two written numbers. What could raise may go with
it: a program that is pruned is another one, and is judged as that.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Iterator
from typing import Any

from gristmill.graph.models.mutate.constants import written
from gristmill.graph.models.mutate.kinds import FUNCTIONS, called
from gristmill.graph.models.mutate.places import Program
from gristmill.graph.models.mutate.sites import literal_value

__all__ = ["prune"]

_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_NESTED = (*FUNCTIONS, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_HARMLESS = frozenset("abs min max round float int bool len sum".split())
_PURE = (
    *(ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Attribute),
    *(ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_RECKONED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_LARGEST = 1e6


def prune(program: Program, bound: Collection[str] = ()) -> None:
    """Take out of a program's changed statements what does nothing.

    Args:
        program: whose statements may have changed.
        bound: names whose literals have a domain; statements where these occur are left as they are.
    """
    for slot in program.slots:
        for at, node in enumerate(slot.statements):
            if any(node is each.node and ast.dump(node) == each.dump for each in slot.originals):
                continue
            if bound and any(_named(each) in bound for each in ast.walk(node)):
                continue
            simpler = slot.statements[at] = _Simpler().visit(node)
            for inside in ast.walk(simpler):
                if isinstance(inside, FUNCTIONS):
                    inside.body = _Function(inside).block(inside.body, last=True) or [ast.Pass()]


def _named(node: ast.AST) -> str:
    """The name that literals may belong to by a node: one that is assigned to, a keyword, the key of a dict."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else ""
    if isinstance(node, ast.keyword):
        return node.arg or ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


class _Simpler(ast.NodeTransformer):
    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node.body if _alike(node.body, node.orelse) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        compare = _COMPARED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if compare is None:
            return node
        left, right = node.left, node.comparators[0]
        if (one := _number(left)) is not None and (two := _number(right)) is not None:
            return ast.Constant(value=compare(one, two))
        if isinstance(left, ast.Name) and _alike(left, right):
            return ast.Constant(value=compare(0, 0))
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for each in node.values:
            if values and _alike(values[-1], each):
                continue
            if not isinstance(each, ast.Constant):
                values.append(each)
            elif bool(each.value) is decides:
                values = [each] if all(map(_pure, values)) else [*values, each]
                break
        # What is left out decides nothing: a truth value is what such an expression stands for.
        node.values = values or node.values[-1:]
        return node if len(values) > 1 else node.values[0]

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.Not) and isinstance(inner, ast.Constant):
            return ast.Constant(value=not inner.value)
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub):
            return inner.operand
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        one, two = _number(node.left), _number(node.right)
        reckon = _RECKONED.get(type(node.op))
        if one is not None and two is not None and reckon is not None:
            value = reckon(one, two)
            return written(value) if math.isfinite(value) and abs(value) <= _LARGEST else node
        zero, unit = isinstance(node.op, ast.Add | ast.Sub), isinstance(node.op, ast.Mult)
        if type(two) is int and ((zero and two == 0) or (unit and two == 1)):
            return node.left
        if type(one) is int and ((isinstance(node.op, ast.Add) and one == 0) or (unit and one == 1)):
            return node.right
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name, arguments = called(node.func), node.args
        if name == "abs" and len(arguments) == 1 and not node.keywords:
            inner, value = arguments[0], _number(arguments[0])
            if value is not None:
                return written(abs(value))
            if isinstance(inner, ast.Call) and called(inner.func) == "abs":
                return inner
        if name in ("min", "max") and len(arguments) == 2 and not node.keywords:
            one, two = _number(arguments[0]), _number(arguments[1])
            if one is not None and two is not None:
                return written(min(one, two) if name == "min" else max(one, two))
            if _alike(*arguments) and not isinstance(arguments[0], ast.Starred):
                return arguments[0]
        return node


class _Function:
    """One function, whose blocks lose what nobody reaches or reads."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        inside = [each for each in ast.walk(node) if each is not node]
        self._open = not any(isinstance(each, ast.Global | ast.Nonlocal | ast.Try | ast.TryStar) for each in inside)
        nested = [each for each in inside if isinstance(each, _NESTED)]
        self._elsewhere = {name for each in nested for name in _loaded(each)}

    def block(self, statements: list[ast.stmt], *, last: bool = False) -> list[ast.stmt]:
        """A block without what does nothing; `last` where nothing comes after it."""
        kept: list[ast.stmt] = []
        for node in self._reached(statements):
            if isinstance(node, ast.For | ast.While | ast.With | ast.AsyncFor | ast.AsyncWith):
                node.body = self.block(node.body) or [ast.Pass()]
            kept.append(node)
        for at in range(len(kept) - 1, -1, -1):
            if self._dead(kept[at], kept[at + 1 :], last=last):
                del kept[at]
        return kept

    def _reached(self, statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in statements:
            if isinstance(node, ast.If):
                node.body, node.orelse = self.block(node.body), self.block(node.orelse)
                if isinstance(node.test, ast.Constant):
                    chosen = node.body if node.test.value else node.orelse
                    yield from chosen
                    if chosen and isinstance(chosen[-1], _LEAVING):
                        return
                    continue
                if not node.body and not node.orelse and _pure(node.test):
                    continue
                node.body = node.body or [ast.Pass()]
                if _dumps(node.body) == _dumps(node.orelse) and _pure(node.test):
                    yield from node.body
                    if isinstance(node.body[-1], _LEAVING):
                        return
                    continue
            if isinstance(node, ast.Pass):
                continue
            yield node
            if isinstance(node, _LEAVING):
                return

    def _dead(self, node: ast.stmt, after: list[ast.stmt], *, last: bool) -> bool:
        """Whether it gives a value to a name that has another before anybody reads it."""
        if not self._open or not isinstance(node, ast.Assign) or len(node.targets) != 1 or not _pure(node.value):
            return False
        target = node.targets[0]
        if not isinstance(target, ast.Name) or target.id in self._elsewhere:
            return False
        if isinstance(node.value, ast.Name) and node.value.id == target.id:
            return True
        for each in after:
            inside = list(ast.walk(each))
            if target.id in _loaded(each) or any(isinstance(one, ast.Break | ast.Continue) for one in inside):
                return False
            if isinstance(each, ast.Assign) and any(
                isinstance(to, ast.Name) and to.id == target.id for to in each.targets
            ):
                return True
        return last


def _loaded(node: ast.AST) -> set[str]:
    """Names that are read in a piece of code; one that is added to is read."""
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Store)
    } | {
        each.target.id
        for each in ast.walk(node)
        if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
    }


def _pure(node: ast.expr) -> bool:
    """Whether nothing but its value comes of an expression."""
    return all(isinstance(each, _PURE) for each in ast.walk(node)) and all(
        (name := called(each.func)) in _HARMLESS or name.startswith(("math.", "np.", "numpy."))
        for each in ast.walk(node)
        if isinstance(each, ast.Call)
    )


def _number(node: ast.expr) -> int | float | None:
    value = literal_value(node)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _alike(one: ast.expr, two: ast.expr) -> bool:
    return type(one) is type(two) and ast.dump(one) == ast.dump(two)


def _dumps(statements: list[ast.stmt]) -> list[str]:
    return [ast.dump(each) for each in statements]
