"""The judge process. It holds the tests, asks the candidate over the line, and reports over its own channel.

Messages to the host, in order: ``{"load": error | None, "missing": names}``; ``{"plan": names}`` before anything of
the tests is run on the candidate; ``{"check": name, "outcome", "detail"}`` for each; ``{"end": …}`` last. Against a
candidate that brings the judge down, or ends it early with success: without the last one there is no pass. Only
`run_python` is here; pytest files are run by `pytest_files`.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import linecache
import sys
import types
import unittest
from collections import deque
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch
from gristmill.verifiers.code.guest.judge.ending import guard_next
from gristmill.verifiers.code.guest.judge.instrument import modules_used, parts
from gristmill.verifiers.code.guest.judge.proxies import CandidateError
from gristmill.verifiers.code.guest.judge.pytest_files import run_pytest
from gristmill.verifiers.code.guest.judge.recording import Recorder
from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate
from gristmill.verifiers.code.guest.wire.shared import FILENAME

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["run_tests"]

TESTS, SETUP = "<tests>", "<setup>"


def run_tests(context: JobContext) -> None:
    """Run one test against the candidate at the other end of the line.

    The request is ``{"type": "python", "entry_points", "code", "setup", "shared", "public", "bounds", "outline"}``
    or, for pytest, ``{"type": "pytest", "files", …}``.
    """
    request = context.request
    names = tuple(request["entry_points"])
    log: deque[tuple[str, str]] = deque(maxlen=4)
    noted = (lambda call, came: log.append((call, came))) if request["public"] else None
    candidate = RemoteCandidate(context.sockets[0], names, Bounds(*request["bounds"]), noted)
    candidate.outline = request.get("outline")
    try:
        given = candidate.share(request["shared"]) if request.get("shared") else {}
    except BaseException as error:  # the tests' own source, inside the judge's sandbox
        context.send({"load": None, "missing": []})
        recorder = Recorder(context, candidate, log, request["public"])
        recorder.plan(["shared"])
        recorder.failed("shared", error, {FILENAME: request["shared"]})
        recorder.end()
        return
    try:
        failed = candidate.load()
    except CandidateError as error:
        context.send({"lost": str(error), "broken": candidate.line.broken})
        return
    missing = [name for name in names if name not in candidate.entry_points]
    context.send({"load": failed, "missing": [] if failed else missing})
    if failed is not None or missing:
        return
    log.clear()
    recorder = Recorder(context, candidate, log, request["public"])
    sys.modules["solution"] = _solution(given | candidate.entry_points)
    guard_next(candidate.test_files, candidate.give_up)
    if request["type"] == "python":
        run_python(recorder, request["setup"], request["code"], names, given)
    else:
        run_pytest(recorder, request["files"], names)
    recorder.end()


def _solution(names: dict[str, Any]) -> types.ModuleType:
    """What ``import solution`` gives: what is shared and the declared entry points; nothing for a star import."""
    module = types.ModuleType("solution")
    module.__dict__.update(names)
    module.__dict__["__all__"] = ()
    return module


def run_python(recorder: Recorder, setup: str, code: str, entry_points: tuple[str, ...], given: dict[str, Any]) -> None:
    """Run a test program statement by statement, then what it only defines: ``check``, test cases, test functions."""
    entry_point = entry_points[0]
    asserting = Asserting((setup, code), entry_points)
    watch(recorder.count, (setup, code))
    module = types.ModuleType("tests")
    names = module.__dict__
    sys.modules["tests"] = module
    sources = {TESTS: code, SETUP: setup}
    for filename, source in sources.items():
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    recorder.candidate.test_files.update(sources)
    recorder.fields |= {TESTS: "code", SETUP: "setup"}
    program = parts(code, TESTS, asserting)
    # Setup may use the entry points (a tree made of the candidate's nodes) and may bring stubs of their names.
    names.update(given | recorder.candidate.entry_points)
    try:
        tree = asserting.counted(ast.parse(setup, SETUP))
        exec(compile(tree, SETUP, "exec", dont_inherit=True), names)  # the tests' own, inside the judge's sandbox
    except BaseException as error:
        recorder.plan(["setup"])
        recorder.failed("setup", error, sources)
        return
    names.update(recorder.candidate.entry_points)
    recorder.asserted = 0
    for name in modules_used(code):
        # The image may lack a module that the tests would not get to.
        with contextlib.suppress(ImportError):
            names.setdefault(name, importlib.import_module(name))
    names.setdefault("candidate", names[entry_point])
    planned = [part.check for part in program if part.check]
    lines = [(TESTS, part.line) for part in program if part.check]
    calls_check = any("check" in part.code.co_names for part in program if part.check)
    if _defines(program, "check") and not calls_check:
        planned.append("check")
        lines.append(
            (TESTS, next((part.line for part in program if "check" in part.code.co_names and not part.check), 1))
        )
    recorder.plan(planned, lines)
    for part in program:
        _run_part(recorder, part, names, sources)
    if "check" in planned and "check" in names:
        _run(recorder, "check", lambda: names["check"](names[entry_point]), sources)
    _run_cases(recorder, names, sources)
    if not recorder.asserted and not recorder.ran:
        _run_functions(recorder, names, sources)


def _run_functions(recorder: Recorder, names: dict[str, Any], sources: dict[str, str]) -> None:
    """Run the ``test…`` functions of a program that only defines them."""
    functions = {
        name: value
        for name, value in names.items()
        if name.startswith("test") and isinstance(value, types.FunctionType) and value.__module__ == "tests"
    }
    recorder.plan(list(functions), [(TESTS, value.__code__.co_firstlineno) for value in functions.values()])
    for name, value in functions.items():
        _run(recorder, name, value, sources)


def _defines(program: list[Any], name: str) -> bool:
    return any(name in part.code.co_names and not part.check for part in program)


def _run_part(recorder: Recorder, part: Any, names: dict[str, Any], sources: dict[str, str]) -> None:
    _run(recorder, part.check, lambda: exec(part.code, names), sources, otherwise=f"line {part.line}")


def _run(recorder: Recorder, name: str, action: Any, sources: dict[str, str], otherwise: str = "") -> None:
    if recorder.candidate.lost:
        if name:
            recorder.begun = recorder.asserted
            recorder.failed(name, CandidateError(recorder.candidate.lost), sources)
        return
    troubles, asserted = recorder.begin(), recorder.asserted
    try:
        action()
    except BaseException as error:  # whatever a test raises, it has failed
        recorder.failed(name or otherwise, error, sources)
        return
    if recorder.candidate.troubles > troubles:
        recorder.refused(name or otherwise, recorder.candidate.trouble[-1])
    elif name or recorder.asserted > asserted:
        recorder.passed(name or otherwise)


def _run_cases(recorder: Recorder, names: dict[str, Any], sources: dict[str, str]) -> None:
    """Run the ``unittest.TestCase`` classes that the program defines."""
    tests = [
        test
        for value in list(names.values())
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "tests"
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(value)
        if isinstance(test, unittest.TestCase)
    ]
    if tests:
        recorder.plan([test.id().partition(".")[2] for test in tests], list(map(_line_of, tests)))
    for test in tests:
        _run(recorder, test.id().partition(".")[2], lambda test=test: _run_case(recorder, test), sources)


def _line_of(test: unittest.TestCase) -> tuple[str, int]:
    method = getattr(type(test), test._testMethodName, None)
    code = method.__code__ if type(method) is types.FunctionType else None
    return ("", 0) if code is None else (code.co_filename, code.co_firstlineno)


class _Result(unittest.TestResult):
    """Keeps the exceptions themselves: their text alone would not say whose they are."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: list[BaseException | None] = []

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802  # unittest's name
        self.raised.append(err[1])

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802  # unittest's name
        self.raised.append(err[1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802  # unittest's name
        if err is not None:
            self.raised.append(err[1])


def _run_case(recorder: Recorder, test: unittest.TestCase) -> None:
    result = _Result()
    test.run(result)
    for error in result.raised:
        raise error or AssertionError("the test failed")
    if result.skipped or result.expectedFailures or result.unexpectedSuccesses or not result.testsRun:
        raise AssertionError("the test was skipped or was expected to fail: that proves nothing")
    recorder.ran += 1
