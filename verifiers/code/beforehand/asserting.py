"""Tests that assert nothing, as far as their text shows: no solution passes them, or every one does.

Whether an assertion runs is counted when the tests run (`guest/counting`); here it is only asked whether one could.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

__all__ = ["silences"]

_STEERS = ("StopIteration", "StopAsyncIteration", "GeneratorExit", "NotImplementedError")
_RAISES = frozenset(("fail", "raises", "warns", "deprecated_call", "exit", "quit", "_exit"))
_ROOTS = ("test", "Test", "check", "pytest_")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def silences(setup: str, programs: Sequence[tuple[str, str]], *, alone: bool) -> Iterator[tuple[str, int, str]]:
    """(program, line, what is wrong there) for a test that asserts nothing, or functions of it that do not.

    Args:
        setup: what runs before, and is no test.
        programs: the name and the source of each; sources without mistakes.
        alone: whether a function of such a test is a test by itself, as pytest has it.
    """
    trees = [(name, ast.parse(text)) for name, text in programs]
    text = _Text([ast.parse(setup), *(tree for _, tree in trees)])
    for name, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
                yield name, node.lineno, "asserts a tuple, which is true whatever it holds: leave out the parentheses"
    roots = [(name, node) for name, tree in trees for node in tree.body if _is_root(node)]
    if not any(text.asserts(node) for _, node in roots):
        yield programs[0][0], 1, "nothing in it asserts: no solution passes it, however right"
    elif alone:
        for name, node in roots:
            for test in _tests(node):
                if not text.asserts(test):
                    yield name, test.lineno, f"`{test.name}` asserts nothing: it holds whatever is answered"


def _is_root(node: ast.stmt) -> bool:
    """Whether a top-level statement is run by whoever runs the tests; what else is defined only runs if it is used."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return bool(node.name.startswith(_ROOTS) or node.decorator_list or bases)


def _tests(node: ast.stmt) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            yield from _tests(each)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
        yield node


class _Text:
    """All programs of one test, with what each function and class of theirs could assert."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        every = [
            node
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        self._own: dict[str, bool] = {node.name: False for node in every}
        self._imported = {
            each.asname: each.name
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for each in node.names
            if each.asname
        }
        # Whoever names a function that asserts, does so too.
        named: dict[str, set[str]] = {}
        for node in every:
            for each in ast.walk(node):
                name = each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else ""
                if name in self._own:
                    named.setdefault(name, set()).add(node.name)
        asserting = [node.name for node in every if self.asserts(node)]
        while asserting:
            name = asserting.pop()
            if not self._own[name]:
                self._own[name] = True
                asserting.extend(named.get(name, ()))

    def asserts(self, node: ast.AST) -> bool:
        """Whether something in a statement could assert, by a function of the tests or by a library's."""
        return any(map(self._could, ast.walk(node)))

    def _could(self, node: ast.AST) -> bool:
        match node:
            case ast.Assert(ast.Tuple([_, *_])):
                return False
            case ast.Assert(ast.Constant(value)):
                return not value
            case ast.Assert(test):
                return any(isinstance(each, ast.Name) for each in ast.walk(test))
            case ast.Raise(error):
                name = error.func if isinstance(error, ast.Call) else error
                return getattr(name, "id", "") not in _STEERS
            case ast.Name(name, ast.Load()) | ast.Attribute(_, name, ast.Load()):
                # A function that only bears such a name is one of the tests' own.
                original = self._imported.get(name, name)
                return self._own.get(original, original.startswith("assert") or original in _RAISES)
        return False
