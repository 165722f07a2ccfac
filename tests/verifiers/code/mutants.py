"""Deterministic one-change mutants of reference solutions, and what plain execution says about a program."""

from __future__ import annotations

import ast
import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from gristmill.verifiers import Task
from gristmill.verifiers.records import PythonTest

Plain = Literal["passes", "fails", "hangs or crashes"]

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}


def mutants(task: Task) -> Iterator[str]:
    """Every program that differs from the reference in one operator, constant or returned value."""
    assert task.reference is not None
    original = ast.unparse(ast.parse(task.reference))
    for number in range(10_000):
        tree = ast.parse(task.reference)
        changer = _OneChange(number)
        changer.visit(tree)
        if not changer.done:
            return
        source = ast.unparse(ast.fix_missing_locations(tree))
        if source != original:
            yield source


class _OneChange(ast.NodeTransformer):
    """Makes the change of a given number; `done` says whether there is one of that number."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.done = False

    def _mine(self) -> bool:
        self._left -= 1
        self.done = self.done or self._left == -1
        return self._left == -1

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return node
        swap = _SWAPS.get(type(node))
        if swap is not None and self._mine():
            return ast.copy_location(swap(), node)
        if isinstance(node, ast.Constant) and self._mine():
            return ast.copy_location(ast.Constant(_other(node.value)), node)
        if isinstance(node, ast.Return) and node.value is not None and self._mine():
            return ast.copy_location(ast.Return(ast.Constant(None)), node)
        if isinstance(node, ast.If) and self._mine():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return self.generic_visit(node)


def _other(value: object) -> str | float | None:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value + "x" if isinstance(value, str) else None


def plainly(source: str, task: Task, seconds: float = 1) -> Plain:
    """What simply executing the solution and its tests in one process says. For our own mutants only.

    What computes for longer than so many seconds hangs; waiting is not counted, as other processes may cause it.
    """
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            code = _run(source, task)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    outcomes: dict[int, Plain] = {0: "passes", 1: "fails"}
    return outcomes.get(os.waitstatus_to_exitcode(status), "hangs or crashes")


def _run(source: str, task: Task) -> int:
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        for test in (*task.public_tests, *task.tests):
            assert isinstance(test, PythonTest)
            names_of = [test.entry_point] if isinstance(test.entry_point, str) else test.entry_point
            solution: dict[str, Any] = {"__name__": "solution"}
            tests: dict[str, Any] = {"__name__": "tests"}
            try:
                exec(source, solution)
                # In one namespace a helper of the tests would mend the solution's helper of that name.
                tests.update({name: solution[name] for name in names_of})
                exec(test.setup, tests)
                tests.update({name: solution[name] for name in names_of})
                exec(test.code, tests)
                if "def check(" in test.code:
                    tests["check"](solution[names_of[0]])
            except Exception:
                return 1
    return 0
