"""Checks of a test's text that nothing leads from to the solution: they say the same of every candidate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

__all__ = ["idle_checks"]

# By these a test may come to the solution on ways that its text does not show.
_OPAQUE = {
    "exec",
    "eval",
    "globals",
    "locals",
    "vars",
    "__import__",
    "compile",
    "open",
    "input",
    "solution",
    "candidate",
}
_OPAQUE_ATTRIBUTES = {"modules", "import_module", "run_module", "run_path", "getfixturevalue", "stdin"}
# Libraries that keep nothing of what a solution does, as `sys` keeps what it prints; all others may lead to it.
_PURE = {
    *("abc", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "heapq", "itertools", "json", "math", "numbers", "numpy", "operator", "pytest", "re", "scipy"),
    *("statistics", "string", "sympy", "textwrap", "typing", "unittest", "__future__"),
}
_FIXTURES = {
    *("tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory", "monkeypatch", "capsys", "capfd", "capsysbinary"),
    *("caplog", "recwarn", "self", "cls", "benchmark"),
}
_FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def idle_checks(tree: ast.Module, whole: ast.Module, entry_points: tuple[str, ...], *, pytest: bool) -> Iterator[int]:
    """The lines where such checks begin: assertions of a program, its `check`, test functions, methods of test cases.

    Where a name may lead anywhere (a fixture of another file, a module that nobody here knows, a star import), it leads
    to the solution.
    """
    reach = _Reach(whole, entry_points)
    for line, nodes in _checks(tree, pytest=pytest):
        if not reach.leads(nodes):
            yield line


def _checks(tree: ast.Module, *, pytest: bool) -> Iterator[tuple[int, list[ast.AST]]]:
    """(line, all that is part of it) for each check that asserts something in its own text."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if statement.name.startswith("test") or (statement.name == "check" and not pytest):
                yield _begin(statement), [statement]
        elif isinstance(statement, ast.ClassDef):
            tests = [each for each in statement.body if isinstance(each, _FUNCTION) and each.name.startswith("test")]
            around = [each for each in statement.body if each not in tests]
            for each in tests:
                shared: list[ast.AST] = [*statement.bases, *statement.decorator_list, *around]
                yield _begin(each), [each, *shared]
        elif isinstance(statement, ast.Assert) and not pytest:
            yield statement.lineno, [statement]


def _begin(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min(node.lineno, *(each.lineno for each in node.decorator_list), node.lineno)


class _Reach:
    """Whether names lead to the solution, over all that mentions them."""

    def __init__(self, whole: ast.Module, entry_points: tuple[str, ...]) -> None:
        self._wanted = {*entry_points, *_OPAQUE}
        self._open = False
        self._mentions: dict[str, list[ast.stmt]] = {}
        self._variables: set[str] = set()
        self._defined: dict[str, list[ast.stmt]] = {}
        self._idle: set[str] = set()
        for statement in whole.body:
            self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        if isinstance(statement, Definition):
            self._defined.setdefault(statement.name, []).append(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                self._mentions.setdefault(node.id, []).append(statement)
                if not isinstance(node.ctx, ast.Load) and not isinstance(statement, Definition):
                    self._variables.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._note_import(node)
            elif (isinstance(node, ast.Constant) and node.value == "autouse") or (
                isinstance(node, ast.keyword) and node.arg == "autouse"
            ):
                self._open = True
            elif isinstance(node, ast.Global):
                self._variables.update(node.names)
                for name in node.names:
                    self._mentions.setdefault(name, []).append(statement)

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        level = getattr(node, "level", 0)
        for each in node.names:
            module = (node.module or "" if isinstance(node, ast.ImportFrom) else each.name).partition(".")[0]
            strange = level or module not in _PURE
            if each.name == "*":
                self._open = self._open or bool(strange)
            elif strange:
                self._wanted.add(each.asname or each.name.partition(".")[0])

    def leads(self, nodes: list[ast.AST]) -> bool:
        """Whether any of the nodes leads to the solution."""
        if self._open:
            return True
        seen: set[str] = set()
        if self._any(nodes, seen):
            return True
        self._idle |= seen
        return False

    def _any(self, nodes: list[ast.AST], seen: set[str]) -> bool:
        waiting = list(nodes)
        while waiting:
            for node in ast.walk(waiting.pop()):
                if isinstance(node, ast.Attribute) and node.attr in _OPAQUE_ATTRIBUTES:
                    return True
                names = [node.id] if isinstance(node, ast.Name) else _taken(node)
                if any(name in self._wanted for name in names):
                    return True
                if isinstance(node, _FUNCTION) and any(name not in self._defined for name in names):
                    # What a test takes and this file does not define comes from who knows where.
                    return True
                for name in names:
                    waiting += self._follow(name, seen)
        return False

    def _follow(self, name: str, seen: set[str]) -> list[ast.AST]:
        """What a name stands for in the program; of a variable, all that mentions it, as it may be filled anywhere."""
        if name in seen or name in self._idle:
            return []
        seen.add(name)
        filled = self._mentions.get(name, ()) if name in self._variables else ()
        nodes: list[ast.AST] = [*self._defined.get(name, ()), *filled]
        for each in filled:
            # A function fills it when it is called, and who knows by whom.
            if isinstance(each, Definition) and each.name not in self._variables:
                self._variables.add(each.name)
                nodes += self._mentions.get(each.name, ())
        return nodes


def _taken(node: ast.AST) -> list[str]:
    """What a test function or `check` is given by whoever runs it, but for what says nothing of the solution."""
    if not isinstance(node, _FUNCTION) or not node.name.startswith(("test", "check")):
        return []
    if node.args.defaults:
        return ["solution"]
    given = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if node.name.startswith("check"):
        # It is given the solution: by what name, matters only where that is used.
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        return [name for name in given if name in used]
    decorators = " ".join(ast.unparse(each) for each in node.decorator_list)
    return [
        name for name in given if name not in _FIXTURES and not ("parametrize" in decorators and name in decorators)
    ]
