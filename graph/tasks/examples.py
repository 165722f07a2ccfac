"""The examples in a task's words: what its docstring, or its prompt, says that a call gives.

Only what is written as literals is read, and nothing is run. An example is a claim of the prompt's: who makes a test of
it asks the reference first (`graph.judging.exemplary`).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gristmill.verifiers.records import CasesTest, PytestTest, PythonTest, Task

__all__ = ["Example", "examples_of", "names_of"]

_MOST_CHARACTERS, _MOST_CALL, _MOST_VALUE, _MOST = 100_000, 1000, 1000, 20
_MOST_CALLS, _MOST_BRACKETS = 200, 50
# What stands between a call and its value: 'f(2) == 3', 'f(2) => 3', 'f(2) ==> 3', 'f(2) ➞ 3', 'f(2) -> 3', 'f(2) = 3',
# 'f(2)  # => 3', 'f(2) returns 3', 'f(2) should return 3', 'f(2) should be 3'
_SIGN = re.compile(
    r"[ \t]*(?:#[ \t]*)?(?:={1,2}>?|-{1,2}>|[➞→⇒]|(?:should[ \t]+)?(?:returns?|equals?)\b:?|should[ \t]+be\b)[ \t]*"
)
# What follows a number that is not the value yet: the ' - 5 - 6 = 8' of 'f(2) -> 19 - 5 - 6 = 8'
_WORKED = re.compile(r"[ \t]*[-+*/%][ \t]*[\w(]")
# 'f(2) => true', as other languages write it
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"(?:true|false|null)\b")
# A value on the lines after '>>> f(2)', up to a blank line or the next '>>>'
_BELOW = re.compile(r"[ \t]*\n((?:(?![ \t]*(?:>>>|\n|\Z)).*(?:\n|\Z))+)")


@dataclass(frozen=True)
class Example:
    """`function(*args, **kwargs)` gives `value`, as a prompt says."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any

    @property
    def call(self) -> str:
        """``f([1, 2], key=3)``."""
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"{self.function}({', '.join(given)})"

    @property
    def assertion(self) -> str:
        """A statement that holds of a solution that does as the example says."""
        return f"assert {self.call} == {self.value!r}"


def names_of(task: Task) -> tuple[str, ...]:
    """The functions that the tests of a task call."""
    names: dict[str, None] = {}
    for test in (*task.tests, *task.public_tests):
        if isinstance(test, CasesTest | PythonTest | PytestTest):
            names |= dict.fromkeys([test.entry_point] if isinstance(test.entry_point, str) else test.entry_point)
    return tuple(names)


def examples_of(task: Task) -> tuple[Example, ...]:
    """The examples of what a code task asks for, in their order and without repeats; at most twenty."""
    names = names_of(task) if task.kind == "code" else ()
    found: dict[str, Example] = {}
    for text in _texts(task.prompt[:_MOST_CHARACTERS], names):
        for example in _examples(text, names):
            found.setdefault(example.assertion, example)
            if len(found) == _MOST:
                return tuple(found.values())
    return tuple(found.values())


def _texts(prompt: str, names: Sequence[str]) -> Iterator[str]:
    """The docstrings of what is asked for, where a prompt is a program; else the prompt."""
    tree = _parsed(prompt, "exec")
    if isinstance(tree, ast.Module) and tree.body:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names:
                yield ast.get_docstring(node) or ""
    else:
        yield prompt


def _examples(text: str, names: Iterable[str]) -> Iterator[Example]:
    words = "|".join(map(re.escape, names))
    if not words:
        return
    for match in islice(re.finditer(rf"(?<![\w.])(?<!def )(?:{words})\(", text), _MOST_CALLS):
        end = _call_end(text, match.start(), match.end())
        call = _parsed(text[match.start() : end], "eval") if end else None
        if not (isinstance(call, ast.Expression) and isinstance(call.body, ast.Call)):
            continue
        with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            args = tuple(map(ast.literal_eval, call.body.args))
            kwargs = {str(each.arg): ast.literal_eval(each.value) for each in call.body.keywords if each.arg}
            if len(kwargs) < len(call.body.keywords):
                continue
            for value in _value(text, match.start(), end):
                yield Example(match.group()[:-1], args, kwargs, value)


def _call_end(text: str, start: int, at: int) -> int:
    """Where the call that begins at `start` ends: at the first bracket that makes an expression of it; 0 for none."""
    for close in islice(re.finditer(r"\)", text[at : start + _MOST_CALL]), _MOST_BRACKETS):
        if _parsed(text[start : at + close.end()], "eval") is not None:
            return at + close.end()
    return 0


def _value(text: str, start: int, end: int) -> Iterator[Any]:
    """The value that stands behind a call, if one does."""
    if sign := _SIGN.match(text, end):
        yield from _literal(text[sign.end() : sign.end() + _MOST_VALUE])
        return
    line = text[text.rfind("\n", 0, start) + 1 : start].strip()
    if line == ">>>" and (below := _BELOW.match(text, end)):
        yield from _literal(below[1].strip()[:_MOST_VALUE])


def _literal(text: str) -> Iterator[Any]:
    """The longest literal at the beginning of a text, of its first line where that will do."""
    if word := _WORD.match(text):
        yield _WORDS[word[0]]
        return
    first, _, more = text.partition("\n")
    for source, all_of_it in ((first, False), (text, True)):
        ends = [len(source)] if all_of_it and not more else range(len(source), 0, -1)
        for end in ends:
            part = source[:end].strip()
            # '5, f(3)' gives 5, not a tuple; '3rd' and '0.5.1' give nothing.
            if not part or (end < len(source) and (source[end].isalnum() or source[end] == "_")):
                continue
            tree = _parsed(part, "eval")
            if not isinstance(tree, ast.Expression) or (isinstance(tree.body, ast.Tuple) and part[0] != "("):
                continue
            with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                value = ast.literal_eval(tree)
                if not _WORKED.match(source, end):
                    yield value
                elif (last := source.rpartition("=")[2].strip()) and len(last) < len(source):
                    yield from _literal(last)
                return


def _parsed(source: str, mode: str) -> ast.AST | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a prompt's escapes are its author's affair
            return ast.parse(source.strip(), mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
