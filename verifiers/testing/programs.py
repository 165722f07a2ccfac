"""Tests that are programs: they run in the judge process, and reach the candidate through proxies."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["PytestTest", "PythonTest"]

_SHARED = "source that tests and solution both have; objects of its classes cross by value. Not hidden from candidates"


class PythonTest(Record):
    """A test program: HumanEval's ``check(candidate)`` or a list of asserts; runs in the judge process."""

    type: Literal["python"] = "python"
    entry_point: str | tuple[str, ...]
    code: str
    setup: str = Field("", description="what the judge runs first: imports and helpers that the tests use")
    shared: str = Field("", description=_SHARED)


class PytestTest(Record):
    """pytest files that ``import solution``; they run in the judge process."""

    type: Literal["pytest"] = "pytest"
    entry_point: str | tuple[str, ...]
    files: dict[str, str] = Field(min_length=1)
    shared: str = Field("", description=_SHARED)
