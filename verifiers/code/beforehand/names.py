"""What the names in a test's text stand for: modules and what is in them, the solution's entry points, its objects."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["Names", "parameters"]


class Names:
    """The names of one program. Nothing of it is run, and where a name has several meanings any of them counts.

    Args:
        tree: the program.
        entry_points: what the task declares of the solution.
        classes: those of them whose objects are looked for.
    """

    def __init__(self, tree: ast.AST, entry_points: tuple[str, ...], classes: frozenset[str]) -> None:
        self.tree = tree
        self.nodes = list(ast.walk(tree))
        self._meanings = {name: f"solution.{name}" for name in entry_points}
        self._meanings.setdefault("candidate", f"solution.{entry_points[0]}" if entry_points else "solution")
        self._entry_points = entry_points
        self._classes = {f"solution.{name}" for name in classes}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for each in node.names:
                    self._meanings[each.asname or each.name.partition(".")[0]] = (
                        each.name if each.asname else each.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for each in node.names:
                    self._meanings[each.asname or each.name] = f"{node.module}.{each.name}"
        self._objects: set[str] = set()
        self._made: set[str] = set()
        self._several: set[str] = set()
        self._answers: set[str] = set()
        # Each pass follows one more name: a chain of three is enough for tests.
        for _ in range(3):
            for name, value in self._bound():
                self._follow(name, value)

    def meaning(self, node: ast.AST) -> str:
        """``random.seed`` for that or an alias of it; empty for what is no name that was imported or declared."""
        if isinstance(node, ast.Name):
            return self._meanings.get(node.id, node.id if node.id in ("open", "input") else "")
        if isinstance(node, ast.Attribute):
            above = self.meaning(node.value)
            return f"{above}.{node.attr}" if above else ""
        return ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """All calls, with the meaning of what is called."""
        return ((node, self.meaning(node.func)) for node in self.nodes if isinstance(node, ast.Call))

    def is_object(self, node: ast.AST) -> bool:
        """Whether this is an object of one of the solution's classes."""
        if isinstance(node, ast.Call):
            called = self.meaning(node.func)
            return called in self._classes or called.rpartition(".")[0] in self._classes
        if isinstance(node, ast.BinOp):
            return self.is_object(node.left) or self.is_object(node.right)
        return isinstance(node, ast.Name) and node.id in self._objects

    def may_be_object(self, node: ast.AST) -> bool:
        """The same, and what methods of such an object return, which may be the object itself."""
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not self.is_object(node):
            node = node.func.value
        return self.is_object(node) or (isinstance(node, ast.Name) and node.id in self._made)

    def are_objects(self, node: ast.AST) -> bool:
        """Whether this holds several of them."""
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return any(map(self.is_object, node.elts))
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return self.is_object(node.elt)
        return isinstance(node, ast.Name) and node.id in self._several

    def is_answer(self, node: ast.AST) -> bool:
        """Whether the solution made this, in a call of it or of one of its objects."""
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Await):
            node = node.value
        if isinstance(node, ast.Call):
            return self.meaning(node.func).startswith("solution.") or self.is_answer(node.func)
        return isinstance(node, ast.Name) and node.id in self._answers

    def _bound(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        for node in self.nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                        yield from zip(target.elts, node.value.elts, strict=False)
                    else:
                        yield target, node.value
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                yield node.target, node.value

    def _follow(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            return
        if self.is_object(value):
            self._objects.add(target.id)
        if self.may_be_object(value):
            self._made.add(target.id)
        if self.are_objects(value):
            self._several.add(target.id)
        if self.is_answer(value):
            self._answers.add(target.id)


def parameters(tree: ast.AST) -> Iterator[tuple[ast.arg, ast.AST]]:
    """The parameters of all functions, which pytest fills by their names, each with its function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                yield each, node
