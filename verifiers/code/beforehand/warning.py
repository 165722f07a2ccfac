"""What the author of a task of code should know before it is used, read from its tests alone."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress

from gristmill.sandbox.image.packaged import standard_modules
from gristmill.verifiers.code.beforehand.asserting import silences
from gristmill.verifiers.code.beforehand.faulty import faults
from gristmill.verifiers.code.beforehand.refusing import classes_of, refusals
from gristmill.verifiers.code.beforehand.sufficing import short_of, short_of_cases, short_of_stdio
from gristmill.verifiers.code.driven.warning import driven_warnings
from gristmill.verifiers.code.literal_tests import literal_program
from gristmill.verifiers.code.repository.problems import repository_warnings
from gristmill.verifiers.code.scored.problems import score_warnings
from gristmill.verifiers.records import CasesTest, CodeTest, DrivenTest, PythonTest, ScoreTest, StdioTest, Task

__all__ = ["task_warnings"]


def task_warnings(task: Task) -> Iterator[str]:
    """One sentence for each, naming the field and the line; the task has no `problems`."""
    if task.repo is not None:
        yield from repository_warnings(task.repo)
    for field, tests in (("public_tests", task.public_tests), ("tests", task.tests)):
        for place, test in enumerate(tests):
            # A program that nests as deep as the parser takes it says nothing of what is meant here.
            with suppress(RecursionError):
                yield from (f"{field}[{place}].{words}" for words in _of_test(task, test))
    yield from (f"{each.place}: {each.fault.value}: {each.words}" for each in faults(task))


def _of_test(task: Task, test: CodeTest) -> Iterator[str]:
    if isinstance(test, CasesTest):
        yield from short_of_cases(test, task.limits)
        return
    if isinstance(test, StdioTest):
        yield from short_of_stdio(test, task.limits)
        return
    if isinstance(test, DrivenTest):
        yield from driven_warnings(test, task.limits)
        return
    if isinstance(test, ScoreTest):
        yield from score_warnings(task, test)
        return
    names = (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)
    if isinstance(test, PythonTest):
        # One program to whoever reads it, and the lines of `code` count from its own first.
        programs = {"code": (test.setup.rstrip("\n") + "\n" if test.setup else "", test.code)}
        if literal_program(test.code, test.setup, names) is not None:
            return
    else:
        programs = {f"files[{name!r}]": ("", text) for name, text in test.files.items() if name.endswith(".py")}
    classes = classes_of(names, task.reference)
    setup = test.setup if isinstance(test, PythonTest) else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sources = [(field, text) for field, (_, text) in programs.items()]
        for field, line, words in silences(setup, sources, alone=not isinstance(test, PythonTest)):
            yield f"{field}: line {line}: {words}"
    for field, (before, text) in programs.items():
        above = before.count("\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
            for line, words in short_of(before + text, task.limits):
                yield _placed(field, line, above, words)
            for line, words in refusals(before + text, names, classes, test.shared):
                yield f"{_placed(field, line, above, words)}: right solutions may be `refused`"
            for line, name in _foreign(before + text) if task.settings.get("packages") else ():
                words = (
                    f"imports {name}, whose objects stay where they were made: pass and compare plain values and arrays"
                )
                yield f"{_placed(field, line, above, words)}, or right solutions may be `refused`"


def _foreign(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of each module of the task's packages that a test imports, once."""
    seen = {"solution", "shared", *standard_modules(), *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(source)):
        modules = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        for module in modules:
            if (top := module.partition(".")[0]) not in seen:
                seen.add(top)
                yield getattr(node, "lineno", 0), top


def _placed(field: str, line: int, above: int, words: str) -> str:
    return f"{field}: line {line - above}: {words}" if line > above else f"setup: line {line}: {words}"
