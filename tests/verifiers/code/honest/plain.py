"""Runs a solution with its tests as anybody would, in one fresh process, and says whether they pass.

A program of its own: it reads a literal a line (`test`, `solution`, `seconds`) and forks for each; nothing of ours is
loaded but the rule by which `cases` are compared. For programs of our own making only: there is no sandbox.
"""

import ast
import builtins
import copy
import os
import resource
import signal
import subprocess
import sys
import tempfile
import types
import unittest
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gristmill.verifiers.code.compare import equal

FOUND = {0: "passes", 1: "fails"}


def main() -> None:
    for line in sys.stdin:
        print(plainly(*ast.literal_eval(line)), flush=True)


def plainly(test: dict[str, Any], solution: str, seconds: float) -> str:
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        Path(folder, "solution.py").write_text(solution, encoding="utf-8")
        pid = os.fork()
        if pid == 0:
            _child(test, folder, seconds)
        _, status = os.waitpid(pid, 0)
        return FOUND.get(os.waitstatus_to_exitcode(status), "hangs or crashes")


def _child(test: dict[str, Any], folder: str, seconds: float) -> None:
    code = 2
    try:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        signal.alarm(int(seconds))
        os.setpgid(0, 0)
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        if test.get("shared"):
            Path(folder, "shared.py").write_text(test["shared"], encoding="utf-8")
        code = 0 if {"cases": cases, "stdio": stdio, "python": python, "pytest": by_pytest}[test["type"]](test) else 1
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def solution_of(test: dict[str, Any]) -> types.ModuleType:
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    if test.get("shared"):
        shared = import_module("shared")
        module.__dict__.update({name: value for name, value in vars(shared).items() if not name.startswith("__")})
    exec(compile(Path("solution.py").read_text(encoding="utf-8"), "solution.py", "exec"), module.__dict__)
    return module


def cases(test: dict[str, Any]) -> bool:
    function = vars(solution_of(test))[test["entry_point"]]
    for case in test["cases"]:
        try:
            value = function(*copy.deepcopy(case["args"]), **copy.deepcopy(case["kwargs"]))
        except Exception as error:
            wanted = vars(builtins).get(case.get("raises") or "")
            if not wanted or not isinstance(error, wanted):
                return False
            continue
        if case.get("raises") or not equal(case.get("expected"), value, test.get("compare", "exact"), 1e-9):
            return False
    return True


def stdio(test: dict[str, Any]) -> bool:
    for case in test["cases"]:
        done = subprocess.run(
            [sys.executable, "solution.py"], input=case["stdin"].encode(), capture_output=True, check=False
        )
        if done.returncode or _lines(done.stdout.decode()) != _lines(case["stdout"]):
            return False
    return True


def _lines(text: str) -> list[str]:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).rstrip("\n").split("\n")


def python(test: dict[str, Any]) -> bool:
    solution = solution_of(test)
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    names = module.__dict__
    if test.get("shared"):
        shared = import_module("shared")
        names.update({name: value for name, value in vars(shared).items() if not name.startswith("__")})
    declared = {name: vars(solution)[name] for name in test["entry_point"]}
    names.update(declared)
    exec(compile(test["setup"], "<setup>", "exec"), names)
    names.update(declared)
    names["candidate"] = declared[test["entry_point"][0]]
    exec(compile(test["code"], "<tests>", "exec"), names)
    if "\ndef check(" in "\n" + test["code"] and "\ncheck(" not in test["code"]:
        names["check"](names["candidate"])
    for name, value in list(names.items()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "tests":
            result = unittest.defaultTestLoader.loadTestsFromTestCase(value).run(unittest.TestResult())
            if not result.wasSuccessful() or result.skipped or not result.testsRun:
                return False
        elif name.startswith("test") and isinstance(value, types.FunctionType) and value.__module__ == "tests":
            value()
    return True


def by_pytest(test: dict[str, Any]) -> bool:
    for name, text in test["files"].items():
        Path(name).write_text(text, encoding="utf-8")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    Path("plain.ini").write_text("[pytest]\n")
    arguments = ["-c", "plain.ini", "--rootdir", ".", "--capture=sys", "-q", "-p", "no:cacheprovider", "--tb=short"]
    return pytest.main([*arguments, *test["files"]]) == 0


if __name__ == "__main__":
    main()
