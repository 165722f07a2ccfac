"""What `gristmill.verifiers.extraction.canonical` did before it wrote forms of its own: numbers the names of a tree,
drops what only readers need, and has Python's own text of it. Slow, and plain: what the forms are held against."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from gristmill.verifiers.languages.parsing import parse

__all__ = ["numbered"]

_LONGEST = 200_000
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, *_COMPREHENSIONS)
_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_BINDING = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal)
"""What changes a function where it is never reached: names become its own, or the function a generator."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BLOCKS = (ast.If, *_LOOPS, ast.With, ast.AsyncWith, ast.Try, ast.ExceptHandler, ast.match_case)
_CLOSED = (*_SCOPES, ast.ClassDef, ast.Constant, ast.Name, ast.expr_context, ast.operator, ast.cmpop, ast.unaryop)


def numbered(solution: str, keep: Iterable[str] = ()) -> str | None:
    """A program's text with its own names numbered, and without what only readers need; None where it is not Python.

    Args:
        solution: the program.
        keep: names that others know it by.
    """
    if len(solution) > _LONGEST:
        return None
    try:
        numbered = _Numbered(frozenset(keep)).visit(parse(solution))
        return ast.unparse(numbered)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Numbered(ast.NodeTransformer):
    """Numbers the names of each scope in the order in which they are met."""

    def __init__(self, keep: frozenset[str]) -> None:
        self._keep = keep
        self._scopes: list[tuple[frozenset[str], dict[str, str]]] = []
        self._places: dict[str, dict[str, int]] = {}
        self._in_class = False

    def visit_Module(self, node: ast.Module) -> ast.AST:
        functions = (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name not in self._keep)
        self._places = {
            each.name: {name: at for at, name in enumerate(_arguments(each.args))}
            for each in functions
            if each.args.kwarg is None
        }
        node.body = _without_docstring(node.body)
        return self._within(node, _bound(node.body))

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # What a class binds is reached by attributes, whose names stay.
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.bases = [self.visit(each) for each in node.bases]
        node.keywords = [self.visit(each) for each in node.keywords]
        node.name = self._name(node.name)
        node.body = _without_docstring(node.body)
        own = frozenset(_bound(node.body))
        self._scopes.append((own, {name: name for name in own}))
        outer, self._in_class = self._in_class, True
        node.body = [self.visit(each) for each in node.body]
        self._in_class = outer
        self._scopes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        return self._within(node, _arguments(node.args), skip=node.args)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self._defaults(node.args)
        node.name = self._name(node.name)
        node.returns = None
        node.body = _reached(_without_docstring(node.body))
        names = [*_arguments(node.args), *_bound(node.body)]
        return self._within(node, names, skip=node.args)

    def _defaults(self, args: ast.arguments) -> None:
        """Defaults are evaluated outside."""
        args.defaults = [self.visit(each) for each in args.defaults]
        args.kw_defaults = [each and self.visit(each) for each in args.kw_defaults]

    def _within(self, node: ast.AST, names: Iterable[str], skip: ast.arguments | None = None) -> ast.AST:
        shared = _shared_names(node)
        own = frozenset(names) - shared
        self._scopes.append((own, {}))
        outer, self._in_class = self._in_class, False
        if skip is not None:
            for each in (*skip.posonlyargs, *skip.args, skip.vararg, *skip.kwonlyargs, skip.kwarg):
                if each is not None:
                    each.arg, each.annotation = self._name(each.arg), None
            body = getattr(node, "body", [])
            new = [self.visit(each) for each in body] if isinstance(body, list) else self.visit(body)
            node.body = new  # type: ignore[attr-defined]  # functions and lambdas have one
        else:
            node = self.generic_visit(node)
        self._in_class = outer
        self._scopes.pop()
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _BLOCKS):
            for name in ("body", "orelse", "finalbody"):
                if block := getattr(node, name, None):
                    setattr(node, name, _reached(block))
        return super().generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    def _comprehension(self, node: Any) -> ast.AST:
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        targets = [each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)]
        self._scopes.append((frozenset(targets), {}))
        for part in node.generators:
            part.target = self.visit(part.target)
            part.iter = part.iter if part is first else self.visit(part.iter)
            part.ifs = [self.visit(each) for each in part.ifs]
        for name in ("key", "value", "elt"):
            if hasattr(node, name):
                setattr(node, name, self.visit(getattr(node, name)))
        self._scopes.pop()
        whole: ast.AST = node
        return whole

    def visit_Call(self, node: ast.Call) -> ast.AST:
        places = self._places.get(node.func.id, {}) if isinstance(node.func, ast.Name) else {}
        for each in node.keywords:
            if each.arg in places:
                each.arg = f"a{places[each.arg]}"
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node

    def visit_List(self, node: ast.List) -> ast.AST:
        return node if _is_plain(node) else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._name(each) for each in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = [self._name(each) for each in node.names]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        if node.name is not None:
            node.name = self._name(node.name)
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        bound = node.asname or node.name.partition(".")[0]
        if node.name != "*" and (node.asname is not None or "." not in node.name):
            node.asname = self._name(bound)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        # In a class it may make a field, and without a value a name local.
        if self._in_class or node.value is None or not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        plain = ast.Assign(targets=[self.visit(node.target)], value=self.visit(node.value))
        return ast.copy_location(plain, node)

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        node.name = node.name and self._name(node.name)
        return self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        node.name = node.name and self._name(node.name)
        return self.generic_visit(node)

    def _name(self, name: str) -> str:
        for depth in range(len(self._scopes) - 1, -1, -1):
            own, numbers = self._scopes[depth]
            if name in own:
                if not depth and name in self._keep:
                    return name
                return numbers.setdefault(name, f"n{depth}_{len(numbers)}")
        return name


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body


def _reached(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block up to where it is left, if what stands behind that has no bearing on the names of the function."""
    end = next((at for at, each in enumerate(block) if isinstance(each, _LEAVING)), len(block))
    rest = block[end + 1 :]
    if not rest or _bound(rest) or any(isinstance(node, _BINDING) for each in rest for node in ast.walk(each)):
        return block
    return block[: end + 1]


def _arguments(args: ast.arguments) -> list[str]:
    every = (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg)
    return [each.arg for each in every if each is not None]


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes but those of inner scopes, in the order of the text."""
    for node in nodes:
        yield node
        if not isinstance(node, _CLOSED) and not _is_plain(node):
            yield from _own(ast.iter_child_nodes(node))


def _is_plain(node: ast.AST) -> bool:
    """Whether it is a list of constants, which may be long and holds no name."""
    return isinstance(node, ast.List | ast.Tuple) and all(isinstance(each, ast.Constant) for each in node.elts)


def _bound(body: Iterable[ast.AST]) -> list[str]:
    names: list[str] = []
    for node in _own(body):
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.append(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.append(node.name)
            case ast.alias() if node.name != "*":
                names.append(node.asname or node.name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.append(name)
    return names


def _shared_names(node: ast.AST) -> frozenset[str]:
    body = getattr(node, "body", [])
    if isinstance(node, ast.Module) or not isinstance(body, list):
        return frozenset()
    shared = (each for each in _own(body) if isinstance(each, ast.Global | ast.Nonlocal))
    return frozenset(name for each in shared for name in each.names)
