"""What kind of value an expression has, as far as its form says, and which names stand for what around it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from gristmill.verifiers.trained.vocabulary import Vocabulary

__all__ = ["FUNCTIONS", "Function", "Kind", "Scope", "called", "kind_of", "scope_of"]

Kind = Literal["number", "boolean", "list", "text", "any", "row", "table"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_NUMBERS = frozenset("abs min max sum len int float round pow divmod ord".split())
_BOOLEANS = frozenset("bool all any isinstance callable hasattr".split())
_LISTS = frozenset("list sorted range reversed tuple".split())
_ANNOTATED: dict[str, Kind] = {
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "list": "list",
    "List": "list",
    "Sequence": "list",
    "tuple": "list",
    "str": "text",
}


@dataclass
class Scope:
    """Names of a function and their kinds, each with the line from which it has a value."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    """What there is beside the names; then these count only where their kind is known."""

    def bind(self, name: str, kind: Kind, line: int) -> None:
        """A name gets a value; of several kinds it is any."""
        self.kinds[name] = kind if self.kinds.get(name, kind) == kind else "any"
        self.lines[name] = min(line, self.lines.get(name, line))

    def names(self, kind: Kind, line: int) -> list[str]:
        """Names of a kind that have a value before `line`; `any` fits all, and all fit `any`."""
        if self.vocabulary is not None:
            return [name for name, has in self.kinds.items() if has == kind and self.lines[name] < line]
        return [
            name
            for name, has in self.kinds.items()
            if self.lines[name] < line and (kind in (has, "any") or (has == "any" and kind != "text"))
        ]


def kind_of(node: ast.expr, scope: Scope) -> Kind:
    """The kind of an expression's value."""
    if scope.vocabulary is not None and (shape := _shape_of(node, scope, scope.vocabulary)) is not None:
        return shape
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return "boolean"
        if isinstance(node.value, int | float):
            return "number"
        return "text" if isinstance(node.value, str) else "any"
    if isinstance(node, ast.BinOp):
        sides = {kind_of(node.left, scope), kind_of(node.right, scope)}
        plain = isinstance(node.op, ast.Add | ast.Mult | ast.Mod)
        return "any" if plain and sides & {"list", "text"} else "number"
    if isinstance(node, ast.UnaryOp):
        return "boolean" if isinstance(node.op, ast.Not) else "number"
    if isinstance(node, ast.Compare):
        return "boolean"
    if isinstance(node, ast.BoolOp):
        return "boolean" if all(kind_of(each, scope) == "boolean" for each in node.values) else "any"
    if isinstance(node, ast.IfExp):
        body, other = kind_of(node.body, scope), kind_of(node.orelse, scope)
        return body if body == other else "any"
    if isinstance(node, ast.List | ast.ListComp | ast.Tuple):
        return "list"
    if isinstance(node, ast.JoinedStr):
        return "text"
    if isinstance(node, ast.Name):
        return scope.kinds.get(node.id, "any")
    if isinstance(node, ast.Subscript):
        return kind_of(node.value, scope) if isinstance(node.slice, ast.Slice) else "any"
    return _of_call(node) if isinstance(node, ast.Call) else "any"


def _shape_of(node: ast.expr, scope: Scope, vocabulary: Vocabulary) -> Kind | None:
    """The kind by a vocabulary, None where it says nothing."""
    if isinstance(node, ast.Name | ast.Subscript | ast.Call | ast.BinOp) and ast.unparse(node) in vocabulary.written:
        return vocabulary.written[ast.unparse(node)]
    if isinstance(node, ast.BinOp):
        sides = [kind_of(node.left, scope), kind_of(node.right, scope)]
        # A truth value for each row, reckoned with, is a row.
        found = {"row" if each == "boolean" else each for each in sides}
        return next((each for each in ("any", "list", "text", "table", "row") if each in found), "number")
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        return kind_of(node.operand, scope)
    if isinstance(node, ast.Call):
        gives = vocabulary.results.get(called(node.func))
        if gives is None or (len(gives) > 1 and not node.args):
            return "any"
        return next(iter(gives)) if len(gives) == 1 else kind_of(node.args[0], scope)
    return None


def called(node: ast.expr) -> str:
    """The dotted name of what is called, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := called(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _of_call(node: ast.Call) -> Kind:
    name = called(node.func)
    if name in _NUMBERS or (name.startswith("math.") and not name.startswith("math.is")):
        return "number"
    if name in _BOOLEANS or name.startswith("math.is"):
        return "boolean"
    return "list" if name in _LISTS else "any"


def scope_of(function: Function | None, module: ast.Module, vocabulary: Vocabulary | None = None) -> Scope:
    """The names that code of a function (None: of the module) may use."""
    scope = Scope(vocabulary=vocabulary)
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            _assigned(scope, node, 0 if function else node.lineno)
    if function is not None:
        arguments = function.args
        used = _used(function)
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            kind = _annotated(one.annotation) or used.get(one.arg, "any")
            # By a vocabulary what is given is an array, of which its pieces tell more than how it is used.
            scope.bind(one.arg, kind if vocabulary is None else vocabulary.written.get(one.arg, "any"), 0)
    body: list[ast.AST] = list(function.body if function else module.body)
    for each in _inside(body):
        if isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign):
            _assigned(scope, each, each.lineno)
        elif isinstance(each, ast.For):
            ranged = isinstance(each.iter, ast.Call) and called(each.iter.func) == "range"
            for name in _stored(each.target):
                scope.bind(name, "number" if ranged else "any", each.lineno)
    return scope


def _inside(nodes: list[ast.AST]) -> Iterable[ast.AST]:
    """In the order of the text, without what stands in functions and classes of its own."""
    left = nodes[::-1]
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            left.extend(list(ast.iter_child_nodes(node))[::-1])


def _assigned(scope: Scope, node: ast.Assign | ast.AnnAssign | ast.AugAssign, line: int) -> None:
    if node.value is None:
        return
    kind = kind_of(node.value, scope)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name):
            scope.bind(target.id, kind, line)
        else:
            for name in _stored(target):
                scope.bind(name, "any", line)


def _stored(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _annotated(node: ast.expr | None) -> Kind | None:
    if isinstance(node, ast.Subscript):
        node = node.value
    return _ANNOTATED.get(called(node).rpartition(".")[2]) if node is not None else None


def _used(function: Function) -> dict[str, Kind]:
    """What parameters without annotation are, by what is done with them: lists are iterated and indexed."""
    found: dict[str, Kind] = {}
    for node in ast.walk(function):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Subscript | ast.For | ast.comprehension):
            listed = node.value if isinstance(node, ast.Subscript) else node.iter
            if isinstance(listed, ast.Name):
                found[listed.id] = "list"
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.In | ast.NotIn | ast.Is | ast.IsNot):
            parts = [node.left, *node.comparators]
        for part in parts:
            if isinstance(part, ast.Name):
                found.setdefault(part.id, "number")
    return found
