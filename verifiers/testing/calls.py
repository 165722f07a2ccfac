"""Tests without a program of their own: calls and the values that they must return, inputs and what must be printed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["Case", "CasesTest", "StdioCase", "StdioTest"]


class Case(Record):
    """One call of the entry point and the value it must return, or the exception type it must raise."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    expected: Any = None
    raises: str | None = Field(None, description="name of a builtin exception; then `expected` is not compared")


class CasesTest(Record):
    """Calls compared outside the candidate's process."""

    type: Literal["cases"] = "cases"
    entry_point: str
    cases: tuple[Case, ...] = Field(min_length=1)
    compare: Literal["exact", "tolerance", "unordered", "multiset"] = "exact"
    tolerance: float = Field(1e-9, ge=0, description="absolute or relative, whichever is met; for `tolerance` only")


class StdioCase(Record):
    """What the program reads and what it must print."""

    stdin: str = ""
    stdout: str


class StdioTest(Record):
    """Whole programs: the candidate is run as one; trailing blanks of lines and of the end are ignored."""

    type: Literal["stdio"] = "stdio"
    language: str = Field("python", min_length=1, description="of the program: python, c++, javascript, or one's own")
    cases: tuple[StdioCase, ...] = Field(min_length=1)
