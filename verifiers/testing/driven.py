"""A driven test, and the names that it uses of a solution."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["DrivenCase", "DrivenTest"]

_GIVEN = "what `drive` is handed as its `case`: as public to a candidate as the inputs of `cases`"
_EXPECTED = "for `judge` alone, which is handed `given` with this as `case['expected']`: never near a candidate"


class DrivenCase(Record):
    """One run of `drive`, in a process of its own."""

    given: dict[str, Any] = Field({}, description=_GIVEN)
    expected: Any = Field(None, description=_EXPECTED)


class DrivenTest(Record):
    """``drive(solution, case)`` uses the solution beside it; ``judge(values, case)`` asserts elsewhere.

    What `drive` returns is the candidate's own claim, as it shares the process: results, never verdicts.
    """

    type: Literal["driven"] = "driven"
    drive: str = Field(description="source that defines `drive(solution, case)`; not hidden from candidates")
    judge: str = Field(description="source that defines `judge(values, case)`, which asserts; hidden from candidates")
    cases: tuple[DrivenCase, ...] = Field(min_length=1)

    @property
    def entry_point(self) -> tuple[str, ...]:
        """The names of the solution that `drive` uses."""
        return _used_of_solution(self.drive)


@lru_cache(maxsize=256)
def _used_of_solution(drive: str) -> tuple[str, ...]:
    """``f`` for ``solution.f(…)``, whatever `drive` calls its first parameter, and for ``from solution import f``."""
    try:
        tree = ast.parse(drive)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    called = {"solution"}
    called |= {each.arg for node in functions if node.name == "drive" for each in node.args.args[:1]}
    names_used: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name(name), attribute, ast.Load()) if name in called:
                names_used.setdefault(attribute)
            case ast.ImportFrom("solution", names):
                names_used.update(dict.fromkeys(each.name for each in names))
    return tuple(name for name in names_used if name.isidentifier() and not name.startswith("__"))
