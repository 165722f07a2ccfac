"""Which tests of a task are at fault by themselves, whoever the candidate is, as far as their text shows it.

What is named here is certain by the text, but for two things that no text shows: a solution that keeps a memory between
calls, and a line that is never reached. So the words are a warning, and the task can be used.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from gristmill.sandbox.wire.values import encode
from gristmill.verifiers.code.beforehand.asserting import silences
from gristmill.verifiers.code.beforehand.reaching import idle_checks
from gristmill.verifiers.code.beforehand.unbound import unbound_names
from gristmill.verifiers.code.compare import equal
from gristmill.verifiers.code.feedback import call_text, short
from gristmill.verifiers.code.literal_tests import Assertion, assertion
from gristmill.verifiers.code.literals import NotLiteralError
from gristmill.verifiers.records import Case, CasesTest, Fault, PytestTest, PythonTest, StdioTest, Task

__all__ = ["TestFault", "faults", "silent"]

# Reading costs the host time, and a test program may be anybody's.
_MOST_CHARACTERS = 200_000
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, ArithmeticError, NotLiteralError)


class TestFault(NamedTuple):
    """What is wrong with one check. `place` names it as evidence does: ``tests[0].code: line 3``."""

    place: str
    fault: Fault
    words: str


def faults(task: Task) -> Iterator[TestFault]:
    """Tests that contradict another, never call the candidate, or raise by themselves."""
    groups = (("public_tests", task.public_tests), ("tests", task.tests))
    tests = [(f"{field}[{place}]", test) for field, group in groups for place, test in enumerate(group)]
    yield from _contradicting_cases([(place, test) for place, test in tests if isinstance(test, CasesTest)])
    yield from _contradicting_programs([(place, test) for place, test in tests if isinstance(test, StdioTest)])
    claims: dict[bytes, list[tuple[str, Assertion]]] = {}
    for place, test in tests:
        if isinstance(test, PythonTest | PytestTest):
            for field, tree, whole in _trees(test):
                names = (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)
                try:
                    mistakes = [*_of_program(f"{place}.{field}", tree, whole, names, test, claims)]
                except RecursionError:
                    continue  # a program that nests as deep as the parser takes it says nothing of what is meant here
                yield from mistakes


def silent(task: Task) -> Iterator[TestFault]:
    """Tests in which no assertion could run, with the line where such a test begins."""
    for field, tests in (("public_tests", task.public_tests), ("tests", task.tests)):
        for number, test in enumerate(tests):
            if not isinstance(test, PythonTest | PytestTest):
                continue
            setup, alone = ("", True) if isinstance(test, PytestTest) else (test.setup, False)
            programs = {"code": test.code} if isinstance(test, PythonTest) else test.files
            sources = [
                (name if name == "code" else f"files[{name!r}]", text)
                for name, text in programs.items()
                if not alone or name.endswith(".py")
            ]
            if sum(len(text) for _, text in sources) + len(setup) > _MOST_CHARACTERS:
                continue
            rows: list[tuple[str, int, str]] = []
            with suppress(*_UNREADABLE), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
                rows += silences(setup, sources, alone=alone)
            for name, line, words in rows:
                yield TestFault(f"{field}[{number}].{name}: line {line}", Fault.ASSERTS_NOTHING, words)


def _of_program(
    place: str,
    tree: ast.Module,
    whole: ast.Module,
    names: tuple[str, ...],
    test: PythonTest | PytestTest,
    claims: dict[bytes, list[tuple[str, Assertion]]],
) -> Iterator[TestFault]:
    for line, name in unbound_names(tree, whole, names, test):
        words = f"`{name}` is defined nowhere, so that this raises NameError"
        yield TestFault(f"{place}: line {line}", Fault.RAISES, words)
    for line in idle_checks(tree, whole, names, pytest=isinstance(test, PytestTest)):
        words = "nothing in it leads to the solution, so that it says the same of every one"
        yield TestFault(f"{place}: line {line}", Fault.NEVER_CALLS, words)
    if len(names) == 1:
        yield from _contradicting(place, _assertions(tree, names[0], pytest=isinstance(test, PytestTest)), claims)


def _trees(test: PythonTest | PytestTest) -> Iterator[tuple[str, ast.Module, ast.Module]]:
    """(field, its program, what the program sees of its own and of what runs before it), as far as it can be read."""
    files = {"code": test.code} if isinstance(test, PythonTest) else test.files
    before = test.setup if isinstance(test, PythonTest) else ""
    for name, text in files.items():
        if len(text) + len(before) > _MOST_CHARACTERS or (isinstance(test, PytestTest) and not name.endswith(".py")):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree, setup = ast.parse(text), ast.parse(before)
        except _UNREADABLE:
            continue
        field = "code" if isinstance(test, PythonTest) else f"files[{name!r}]"
        yield field, tree, ast.Module([*setup.body, *tree.body], [])


def _contradicting_cases(tests: list[tuple[str, CasesTest]]) -> Iterator[TestFault]:
    claims: dict[bytes, list[tuple[str, CasesTest, Case]]] = {}
    for field, test in tests:
        for number, case in enumerate(test.cases):
            place = f"{field}.cases[{number}]"
            try:
                asked = encode([test.entry_point, list(case.args), case.kwargs])
            except _UNREADABLE:
                continue
            like = claims.setdefault(asked, [])
            for other_place, other_test, other in like:
                if _contradict(test, case, other_test, other):
                    call = call_text(test.entry_point, case.args, case.kwargs)
                    words = f"expects {_told(case)} of {call}, and {other_place} expects {_told(other)}"
                    yield TestFault(place, Fault.CONTRADICTS, words)
                    break
            else:
                # Those that agree with what is known say no more than it does.
                like.append((place, test, case))


def _told(case: Case) -> str:
    return f"it to raise {case.raises}" if case.raises else short(case.expected)


def _contradict(test: CasesTest, case: Case, other_test: CasesTest, other: Case) -> bool:
    if case.raises or other.raises:
        # One kind of exception may be another one's, which it takes the builtins to know; a value is never one.
        return bool(case.raises) != bool(other.raises)
    return not any(
        # Two values that one value is near to are no further from each other than twice as much.
        equal(one, another, each.compare, 2 * each.tolerance)
        for each in (test, other_test)
        for one, another in ((case.expected, other.expected), (other.expected, case.expected))
    )


def _contradicting_programs(tests: list[tuple[str, StdioTest]]) -> Iterator[TestFault]:
    claims: dict[str, tuple[str, list[str]]] = {}
    for field, test in tests:
        for number, case in enumerate(test.cases):
            place, printed = f"{field}.cases[{number}]", case.stdout.split()
            other, wanted = claims.setdefault(case.stdin, (place, printed))
            if wanted != printed:
                words = f"expects {short(case.stdout)} for the same input for which {other} expects something else"
                yield TestFault(place, Fault.CONTRADICTS, words)


def _contradicting(
    place: str, assertions: Iterator[Assertion], claims: dict[bytes, list[tuple[str, Assertion]]]
) -> Iterator[TestFault]:
    for each in assertions:
        if not each.args and not each.kwargs:
            continue  # what needs no arguments has a memory, or draws: a counter, a clock
        like = claims.setdefault(encode([each.entry_point, list(each.args), each.kwargs]), [])
        at = f"{place}: line {each.line}"
        other = next(((where, one) for where, one in like if _exclude(each, one)), None)
        if other is None:
            like.append((at, each))
            continue
        words = f"`{each.text}` and `{other[1].text}` ({other[0]}) cannot both hold, unless the solution keeps a memory"
        yield TestFault(at, Fault.CONTRADICTS, words)


def _exclude(one: Assertion, other: Assertion) -> bool:
    """Whether no value meets both: one of them leaves one value alone, and the other does not take it."""
    for first, second in ((one, other), (other, one)):
        try:
            if first.wanted and second.wanted:
                return bool(first.wanted[0] != second.wanted[0])
            if first.wanted:
                return not second.holds(first.wanted[0])
        except _UNREADABLE:
            return False
    return False


def _assertions(tree: ast.Module, entry_point: str, *, pytest: bool) -> Iterator[Assertion]:
    """The assertions of literals on one call of the solution that nothing else was done before."""
    bound = [node for node in ast.walk(tree) if _binds(node) & {entry_point, "candidate"}]
    asserts = [*_run_first(tree.body)]
    callees = set() if pytest else {entry_point, "candidate"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "solution":
            callees |= {each.asname or each.name for each in node.names if each.name == entry_point}
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            continue
        given = [each.arg for each in function.args.args]
        if (function.name == "check" and len(given) == 1 and not pytest) or (
            function.name.startswith("test") and not given
        ):
            asserts += [*_run_first(function.body)]
            callees |= set(given)
            bound = [each for each in bound if each not in function.args.args]
    if bound:
        return
    for statement in asserts:
        try:
            yield assertion("", statement.test, callees, entry_point)
        except _UNREADABLE:
            continue


def _run_first(body: list[ast.stmt]) -> Iterator[ast.Assert]:
    """The assertions of a block up to what may do something else."""
    for statement in body:
        if isinstance(statement, ast.Assert):
            yield statement
        elif isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Pass):
            continue
        elif any(isinstance(node, ast.Call | ast.Await | ast.Delete | ast.With) for node in ast.walk(statement)):
            return


def _binds(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    return {node.arg} if isinstance(node, ast.arg) else set()
