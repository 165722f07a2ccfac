"""Plain execution: the candidate and its tests in one process, as anybody would run them by hand.

Against what a boundary loses: a candidate that hands out a list which it changes later passes apart, and fails here.
Nothing here is defended, since the candidate shares the process with what expects its answers: it can forge what is
said at the end, and read every expected value. So one message of one form is all that the host takes from here, it
never makes a pass by itself, and the worker is thrown away (`gristmill.verifiers.code.consistency`).
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import linecache
import os
import sys
import types
import unittest
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.guest.candidate import load
from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch
from gristmill.verifiers.code.guest.together.pytest_plainly import pytest_passes

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["be_silent", "run"]

TESTS, SETUP = "<tests>", "<setup>"


def run(context: JobContext) -> None:
    """Send ``{"passed": True}`` if one test passes, and nothing else ever.

    The request is ``{"type": "python", "entry_points", "code", "setup", "source"}`` or, for pytest,
    ``{"type": "pytest", "files", …}``.
    """
    request = context.request
    be_silent()
    with contextlib.suppress(BaseException):
        given = _shared(request["shared"]) if request.get("shared") else {}
        module = load(request["source"], given=given)
        names = request["entry_points"]
        if not all(name in vars(module) for name in names):
            return
        if request["type"] == "python":
            passed = _python_passes(vars(module), names, request["setup"], request["code"])
        else:
            passed = pytest_passes(request["files"], names)
        if passed is True:
            context.send({"passed": True})


def _shared(source: str) -> dict[str, Any]:
    """The names of what both tests and solution have."""
    module = load(source, "shared")
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def be_silent() -> None:
    """What is printed is for nobody, and fills no pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _python_passes(solution: dict[str, Any], entry_points: list[str], setup: str, code: str) -> bool:
    """Solution, set-up and tests in one namespace, as HumanEval and MBPP are run."""
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    names = vars(module)
    asserted: list[None] = []
    asserting = Asserting((setup, code), entry_points)
    watch(lambda: asserted.append(None), (setup, code))
    names.update((name, value) for name, value in solution.items() if not name.startswith("__"))
    for filename, source in ((SETUP, setup), (TESTS, code)):
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    _execute(setup, SETUP, names, asserting)
    asserted.clear()
    # The set-up has the tests' own helpers, and may hold stubs of the entry points.
    names.update((name, solution[name]) for name in entry_points)
    for name in _modules_named(code):
        with contextlib.suppress(ImportError):
            names.setdefault(name, importlib.import_module(name))
    names.setdefault("candidate", names[entry_points[0]])
    tree = _execute(code, TESTS, names, asserting)
    if "check" in names and _defines(tree, "check") and not _uses(tree, "check"):
        names["check"](names[entry_points[0]])
    ran = sum(_case_passes(test) for test in _test_cases(names))
    if not asserted and not ran:
        for name, value in list(names.items()):
            if name.startswith("test") and isinstance(value, types.FunctionType) and value.__module__ == "tests":
                value()
    return bool(asserted)


def _modules_named(source: str) -> list[str]:
    """Modules of the standard library that a program uses without importing them, as solutions often have."""
    tree = ast.parse(source)
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return sorted(loaded & sys.stdlib_module_names - {"this", "antigravity"})


def _execute(source: str, filename: str, names: dict[str, Any], asserting: Asserting) -> ast.Module:
    tree = asserting.counted(ast.parse(source, filename))
    exec(compile(tree, filename, "exec", dont_inherit=True), names)
    return ast.parse(source, filename)


def _defines(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


def _uses(tree: ast.Module, name: str) -> bool:
    """Whether the program itself calls what it defines."""
    return any(
        isinstance(inner, ast.Name) and inner.id == name
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for inner in ast.walk(node)
    )


def _test_cases(names: dict[str, Any]) -> list[unittest.TestCase]:
    return [
        test
        for value in list(names.values())
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "tests"
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(value)
        if isinstance(test, unittest.TestCase)
    ]


def _case_passes(test: unittest.TestCase) -> bool:
    """True, or AssertionError: a skip and an expected failure prove nothing."""
    result = unittest.TestResult()
    test.run(result)
    if not result.wasSuccessful() or result.skipped or result.expectedFailures or not result.testsRun:
        raise AssertionError(test.id())
    return True
