"""Reading of what a candidate says about its own objects, and what the judge says about the tests'.

Whatever it says is text of the right type, or nothing. Against names and messages that are something else: numbers
too long to be written, classes that are no exceptions.
"""

from __future__ import annotations

import builtins
from typing import Any

__all__ = [
    "builtin_base",
    "exception_type",
    "flags_of",
    "holds_exceptions",
    "said",
    "strings",
]


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
    """What the candidate may do with an object of the tests: call it, pull it, iterate over it."""
    if callable(value):
        return "c"
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
