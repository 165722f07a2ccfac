"""What a verdict must not tell: values that stand in hidden tests and answers, and nowhere that a model can read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.records import (
    CasesTest,
    CodeTest,
    DrivenTest,
    PytestTest,
    PythonTest,
    ScoreTest,
    StdioTest,
    Task,
    Verdict,
)
from gristmill.verifiers.repositories.tests import file_of
from gristmill.verifiers.repositories.trees import tree_of

__all__ = ["hidden_words", "leaked_words"]

# Shorter words and numbers occur by chance.
_LEAST_TEXT, _LEAST_DIGITS = 6, 5


def hidden_words(task: Task) -> frozenset[str]:
    """What is long enough of the hidden tests, or the expected answer, to be known again, and is not public as well."""
    public = f"{task.prompt}\n{[test.model_dump() for test in task.public_tests]!r}"
    hidden: set[str] = set()
    if task.repo is not None:
        tree, secret = tree_of(task.repo), {file_of(test) for test in task.repo.hidden}
        public += "\n".join(tree.text(path) or "" for path in tree.files if path not in secret)
        for path in secret:
            for value in _constants(tree.text(path) or ""):
                hidden.update(_words(value))
    for test in task.tests:
        for value in _values(test):
            hidden.update(_words(value))
    if task.kind == "math":
        hidden.update(_words(task.answer))
    elif task.kind == "reasoning" and task.reference:
        hidden.update(_words(task.reference.removeprefix("<answer>").removesuffix("</answer>")))
    return frozenset(word for word in hidden if word not in public)


def leaked_words(verdict: Verdict, words: frozenset[str], source: str) -> tuple[str, ...]:
    """Those of the words that some text of the verdict holds, though the candidate's own source does not.

    What an evaluator calls its numbers is told, and no secret.
    """
    texts = [verdict.feedback, *(check.name for check in verdict.checks), *(check.detail for check in verdict.checks)]
    text = "\n".join([*texts, *verdict.metrics])
    return tuple(sorted(word for word in words if word in text and word not in source and word not in verdict.metrics))


def _values(test: CodeTest) -> Iterator[Any]:
    if isinstance(test, CasesTest):
        for case in test.cases:
            yield from (case.args, case.kwargs, case.expected)
    elif isinstance(test, StdioTest):
        for printed in test.cases:
            yield from (*printed.stdin.split("\n"), *printed.stdout.split("\n"))
    elif isinstance(test, ScoreTest):
        yield from (each for place, each in enumerate(test.instances) if place not in test.public)
        yield from (*test.held_out, *_constants(test.code))
    else:
        if isinstance(test, DrivenTest):
            for driven in test.cases:
                yield from (driven.given, driven.expected)
        for source in _sources(test):
            yield from _constants(source)


def _constants(source: str) -> Iterator[Any]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and not _is_docstring(node.value):
            yield node.value


def _sources(test: PythonTest | PytestTest | DrivenTest) -> Iterator[str]:
    if isinstance(test, PythonTest):
        yield from (test.setup, test.code)
    elif isinstance(test, DrivenTest):
        yield from (test.drive, test.judge)
    else:
        yield from (text for name, text in test.files.items() if name.endswith(".py"))


def _is_docstring(value: Any) -> bool:
    """Whether a text reads like words for people, which checks may be named for."""
    return isinstance(value, str) and value.count(" ") > 3


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for pair in value.items():
            yield from _words(list(pair))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        if len(value.strip()) >= _LEAST_TEXT:
            yield value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value) if abs(value) < 10**300 else ""
        if sum(each.isdigit() for each in text) >= _LEAST_DIGITS:
            yield text.lstrip("-")
