"""Calls and values as a line of text, and reading of what a candidate says about its objects.

Against a candidate's own words for its objects: what stands for one of them is named by its class, and is not asked.
"""

from __future__ import annotations

import builtins
import inspect
import re
import reprlib
from typing import Any

from gristmill.verifiers.code.guest.judge.proxies import Handle

__all__ = [
    "builtin_base",
    "call_text",
    "error_text",
    "exception_type",
    "flags_of",
    "holds_exceptions",
    "plain_names",
    "said",
    "short",
    "strings",
]


class _Plain(reprlib.Repr):
    def repr_instance(self, x: Any, level: int) -> str:
        return Handle.__repr__(x) if isinstance(x, Handle) else super().repr_instance(x, level)


_repr = _Plain()
_repr.maxstring = _repr.maxother = 200
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = 20
_repr.maxlevel = 4


def short(value: Any) -> str:
    """A value's text, cut to a line; never the candidate's own words for it."""
    try:
        return _repr.repr(value)[:500]
    except Exception:  # a value may be too big to write, or fool reprlib by the name of its type
        return f"<{type(value).__name__}>"


def call_text(op: str, target: Any, args: Any, kwargs: dict[str, Any] | None) -> str:
    """A request to the candidate, as tests would write it."""
    name = target if type(target) is str else "object"
    if op in ("get", "operator") and args:
        return f"{name}.{args[0]}" + (f"({', '.join(map(short, args[1:]))})" if op == "operator" else "")
    inside = [short(value) for value in args] + [f"{key}={short(value)}" for key, value in (kwargs or {}).items()]
    return f"{name}({', '.join(inside)})" if op == "call" else f"{op}({name})"


def error_text(error: BaseException) -> str:
    """An exception's type and message, cut to a line."""
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except Exception:  # its message may hold a number that is too long to write, or be of the tests' own making
        return type(error).__name__


_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_MOST_NAMES, _MOST_ITEMS = 6, 1000


def plain_names(frame: Any, statement: str) -> list[list[str]]:
    """The names of a statement that hold plain values in its frame, with these; nothing of a class is asked."""
    shown = []
    for name in dict.fromkeys(_NAME.findall(statement)):
        value = frame.f_locals.get(name, frame.f_globals.get(name, builtins))
        if _is_plain(value, [_MOST_ITEMS]):
            shown.append([name, short(value)])
    return shown[:_MOST_NAMES]


_NAME = re.compile(r"(?<![\w.\"'])[^\W\d]\w*")


def _is_plain(value: Any, left: list[int]) -> bool:
    left[0] -= 1
    if left[0] < 0 or type(value) in _PLAIN:
        return left[0] >= 0
    if type(value) is dict:
        return all(_is_plain(each, left) for pair in value.items() for each in pair)
    return type(value) in (list, tuple, set, frozenset) and all(_is_plain(each, left) for each in value)


def said(value: Any) -> str:
    """Text that the candidate says; a number may have too many digits to be written."""
    return value if type(value) is str else ""


def strings(value: Any) -> list[str]:
    """The texts in what should be a list of them."""
    return [item for item in value if type(item) is str] if type(value) is list else []


def holds_exceptions(value: Any) -> bool:
    """Whether a value could stand behind ``except``."""
    if type(value) is tuple:
        return any(map(holds_exceptions, value))
    return isinstance(value, type) and issubclass(value, BaseException)


def flags_of(value: Any) -> str:
    """What the candidate may do with an object of the tests: call it, await it, pull it, iterate over it."""
    if callable(value):
        return "c"
    if inspect.iscoroutine(value):
        return "w"
    if hasattr(type(value), "__next__"):
        return "i"
    return "b" if hasattr(type(value), "__iter__") else ""


def builtin_base(kind: type) -> str:
    """The name of the nearest builtin class."""
    return next(str(base.__name__) for base in kind.__mro__ if vars(builtins).get(base.__name__) is base)


def exception_type(name: Any) -> type[BaseException]:
    """The builtin exception of that name, else Exception."""
    kind = vars(builtins).get(name) if type(name) is str else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception
