"""What the author of a driven test should know, read from its text: what stands on both sides, verdicts in `drive`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from gristmill.sandbox.records import Limits
from gristmill.sandbox.wire.values import EncodeError, encode
from gristmill.verifiers.calling import message_bounds
from gristmill.verifiers.code.driven.forms import function, literals, tree
from gristmill.verifiers.records import DrivenTest

__all__ = ["driven_warnings"]

# What is shorter or smaller stands on both sides by chance.
_LEAST_TEXT: Final = 3
_LEAST_NUMBER: Final = 10
_MOST_SAID: Final = 10
_SHOWN: Final = 60


def driven_warnings(test: DrivenTest, limits: Limits) -> Iterator[str]:
    """One sentence for each, naming the field and the line; the test has no problems."""
    driving, judging = tree(test.drive), tree(test.judge)
    yield from _both_sides(test, driving, judging)
    yield from _verdicts(driving)
    bounds = message_bounds(limits)
    for place, case in enumerate(test.cases):
        try:
            encode(case.given, bounds)
        except EncodeError as error:
            yield f"cases[{place}].given: {error}: the case cannot pass"


def _both_sides(test: DrivenTest, driving: ast.Module, judging: ast.Module) -> Iterator[str]:
    lines: dict[bytes, int] = {}
    for line, value in literals(driving):
        if _says_something(value):
            lines.setdefault(_key(value), line)
    said: set[bytes] = set()
    wanted = [(f"judge: line {line}", value) for line, value in literals(judging)]
    for place, case in enumerate(test.cases):
        wanted += [(f"cases[{place}].expected", value) for value in _parts(case.expected)]
    for where, value in wanted:
        key = _key(value)
        if key in lines and key not in said and len(said) < _MOST_SAID:
            said.add(key)
            yield (
                f"{where}: {_short(value)} stands in `drive` too, line {lines[key]}, where a solution can read it: if "
                "it is a wanted value, keep it out of there"
            )


def _verdicts(driving: ast.Module) -> Iterator[str]:
    drive = function(driving, "drive")
    for node in ast.walk(drive) if drive is not None else ():
        if isinstance(node, ast.Assert):
            yield (
                f"drive: line {node.lineno}: asserts beside the solution, which can have it hold: return the value, "
                "and assert on it in `judge`"
            )


def _says_something(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return len(value) >= _LEAST_TEXT
    if isinstance(value, bool) or value is None or value is ...:
        return False
    if isinstance(value, int):
        return abs(value) > _LEAST_NUMBER
    if isinstance(value, float | complex):
        return value not in (0.0, 1.0, -1.0, 0.5)
    return isinstance(value, dict | list | tuple | set | frozenset) and len(value) > 1


def _key(value: Any) -> bytes:
    try:
        return encode(value)
    except EncodeError:
        return repr(value).encode(errors="replace")


def _parts(value: Any) -> Iterator[Any]:
    """A value and all that it holds, keys left out."""
    yield value
    if isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _parts(each)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
