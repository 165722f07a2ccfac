"""What the tests themselves ask of the candidate's objects: a function's name, an object's truth and its ``repr``.

Only where a frame of the tests asks: a test runner that writes out what has failed is told nothing by the candidate.
Against an object that decides by its truth: that makes the verdict `forwarded`, and only a class that the task
declares, and that says itself how it is true, is asked.
"""

from __future__ import annotations

import sys
from typing import Any

from gristmill.verifiers.code.guest.judge.proxies import Handle, Line, refuse, told_by

__all__ = ["AttributedFunction", "own_answers", "with_names"]

_NAMES = frozenset(("__name__", "__qualname__", "__doc__"))
_TRUTH = frozenset(("assertTrue", "assertFalse"))


def _by_tests(frame: Any, line: Line) -> bool:
    """Whether a frame is the tests' own, or unittest's as it asks for them."""
    code = frame.f_code
    return code.co_filename in line.test_files or (
        code.co_filename.endswith("unittest/case.py") and code.co_name in _TRUTH
    )


def _text(self: Handle) -> str:
    line = self._gristmill_line
    if not _by_tests(sys._getframe(1), line):
        return Handle.__repr__(self)
    line.operators += 1
    answer = told_by(self, line.ask("repr", self._gristmill_place()))
    return answer if type(answer) is str else Handle.__repr__(self)


def _truth(self: Handle) -> bool:
    line = self._gristmill_line
    if not _by_tests(sys._getframe(1), line):
        return True
    line.operators += 1
    line.decisions += 1
    return line.ask("truth", self._gristmill_place()) is not False


def own_answers(kind: Any, asked: list[str], operators: set[str]) -> None:
    """Let objects of a declared class answer as its text has them: `asked` holds ``__repr__`` or ``__bool__``."""
    if "__repr__" in asked:
        type.__setattr__(kind, "__repr__", _text)
        if "__str__" not in operators:
            type.__setattr__(kind, "__str__", _text)
    if "__bool__" in asked:
        type.__setattr__(kind, "__bool__", _truth)


def _named(self: Handle, name: str) -> Any:
    if name in _NAMES and _by_tests(sys._getframe(1), self._gristmill_line):
        return _said(self, name)
    return Handle.__getattr__(self, name)


def _said(self: Handle, name: str) -> Any:
    answer = told_by(self, self._gristmill_line.ask("get", self._gristmill_place(), (name,)))
    return answer if type(answer) is str else None


def _doc(self: Handle) -> Any:
    return _said(self, "__doc__") if _by_tests(sys._getframe(1), self._gristmill_line) else None


def with_names(ability: dict[str, Any]) -> dict[str, Any]:
    """What an undeclared function of the candidate can do."""
    return {**ability, "__getattr__": _named, "__doc__": property(_doc)}


class AttributedFunction:
    """A declared function with attributes of its own, like ``cache_info`` of one that remembers."""

    def __init__(self, line: Line, name: str) -> None:
        vars(self).update(__name__=name, __qualname__=name, __module__="solution", __doc__=None)
        vars(self)["_gristmill"] = (line, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Have the candidate call its own."""
        line, name = vars(self)["_gristmill"]
        return line.ask("call", name, args, kwargs)

    def __getattr__(self, key: str) -> Any:
        refuse(key)
        line, name = vars(self)["_gristmill"]
        return line.ask("get", name, (key,))

    def __setattr__(self, key: str, value: Any) -> None:
        if key.startswith("_"):
            vars(self)[key] = value
            return
        line, name = vars(self)["_gristmill"]
        line.ask("set", name, (key, value))

    def __repr__(self) -> str:
        return f"<the function {vars(self)['__name__']} of the candidate>"
