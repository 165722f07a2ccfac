"""The program that a search without a model begins with, where the plan names no parent."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gristmill.graph.prompts.facts import signature
from gristmill.verifiers.extraction.forms.starting import starts
from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.records import CasesTest, Task

__all__ = ["starting_programs"]

_STDIO = "import sys\n\nlines = sys.stdin.read().split('\\n')\nprint(lines[0])\n"


def starting_programs(task: Task) -> tuple[str, ...]:
    """The task's own (`start`), else one with the entry points that the task names, which does next to nothing."""
    if own := starts(task):
        return own
    points = entry_points(task)
    if not points:
        return (_STDIO,)
    prefix = task.settings.get("prefix")
    for begun in (each for each in (prefix, task.settings.get("signature")) if isinstance(each, str)):
        for body in ("    return None\n", ""):
            if _defines(source := f"{begun.rstrip()}\n{body}", points):
                return (_answering(source, points),)
    return ("\n\n".join(_stub(task, name) for name in points),)


def _stub(task: Task, name: str) -> str:
    shown = signature(task, name)
    before = "" if task.kind != "program" else "best=None"
    forms = [shown if shown != name else "", *(f"{name}({', '.join(each)})" for each in _arguments(task, name))]
    for form in (*forms, f"{name}({before})" if task.kind == "program" else "", f"{name}(*arguments)"):
        source = f"def {form}:\n    return None\n"
        if form and _defines(source, (name,)):
            return _answering(source, (name,))
    return f"def {name}(*arguments):\n    return 0\n"


def _arguments(task: Task, name: str) -> Iterator[tuple[str, ...]]:
    """By the public cases: as many as these are called with."""
    for test in task.public_tests:
        if isinstance(test, CasesTest) and name in entry_points(task):
            for case in test.cases:
                yield tuple([f"x{at}" for at in range(len(case.args))] + list(case.kwargs))


def _defines(source: str, points: tuple[str, ...]) -> bool:
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return set(points) <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _answering(source: str, points: tuple[str, ...]) -> str:
    """With the first parameter as the answer, else 0: something that grows."""
    tree = parse(source)
    lines = source.split("\n")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in points and isinstance(node.body[-1], ast.Return):
            returned = node.body[-1]
            if isinstance(returned.value, ast.Constant) and returned.value.value is None:
                parameters = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
                answer = next((each for each in parameters if each != "best"), "[]" if "best" in parameters else "0")
                at = returned.lineno - 1
                lines[at] = lines[at].replace("return None", f"return {answer}")
    return "\n".join(lines)
