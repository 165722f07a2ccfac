"""The workers that code is judged in: which guest modules each may import, and what is loaded before it forks."""

from __future__ import annotations

import re

from gristmill.sandbox.records import Profile

__all__ = ["candidate", "judge", "libraries"]

_LINE = ("gristmill.verifiers.code.values", "gristmill.verifiers.code.wire")
# No judge's module is staged for candidates, and nothing of the candidate's side is for judges.
_CANDIDATE = (*_LINE, "gristmill.verifiers.code.serve")
_JUDGE = (
    *_LINE,
    "gristmill.verifiers.code.proxies",
    "gristmill.verifiers.code.line",
    "gristmill.verifiers.code.instrument",
    "gristmill.verifiers.code.judge",
    "gristmill.verifiers.code.files",
)
# What solutions import most, so that a job need not.
_COMMON = (
    *("asyncio", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string"),
    *("textwrap", "typing", "unittest"),
)
_LIBRARIES = ("numpy", "sympy")
_IMPORT = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)


def libraries(*sources: str) -> tuple[str, ...]:
    """Those big libraries of the image that some source imports: loading them beforehand saves every job the time."""
    named = {name for source in sources for name in _IMPORT.findall(source)}
    return tuple(name for name in _LIBRARIES if name in named)


def candidate(preload: tuple[str, ...] = ()) -> Profile:
    """Workers that hold a candidate and nothing else."""
    return Profile(name="-".join(("candidate", *preload)), guest=_CANDIDATE, preload=(*_COMMON, *preload))


def judge(preload: tuple[str, ...] = ()) -> Profile:
    """Workers that hold a test program."""
    return Profile(name="-".join(("judge", *preload)), guest=_JUDGE, preload=(*_COMMON, *preload))
