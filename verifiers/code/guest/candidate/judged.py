"""What stands for objects of the tests in a candidate's process: they can be called and iterated over, nothing else.

Against a candidate that reaches into the tests by what it is given: there is nothing here but a number.
"""

from __future__ import annotations

import builtins
from typing import Any

from gristmill.verifiers.code.guest.wire.peer import RemoteRaisedError, StopMark, Wire

__all__ = ["JUDGE_KINDS", "JudgeObject", "bare", "builtin_base", "builtin_exception"]


class JudgeObject:
    """Something of the tests that came in as an argument. It can be called, or iterated; it has no attributes."""

    __slots__ = ("_number", "_wire")

    def __init__(self, number: int, wire: Wire) -> None:
        self._number = number
        self._wire = wire


def _ask(self: JudgeObject, op: str, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
    try:
        return self._wire.request(op, self._number, args, kwargs)
    except RemoteRaisedError as raised:
        told = raised.error
    error = bare(builtin_exception(told["type"]))
    error._judge_error = told["judge"]  # type: ignore[attr-defined]  # so that it goes back as the same object
    raise error


class JudgeCallable(JudgeObject):
    """A function or class of the tests."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _ask(self, "call", args, kwargs)


class JudgeIterable(JudgeObject):
    """An iterable of the tests that is no container."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return _ask(self, "iter")


class JudgeIterator(JudgeObject):
    """An iterator or generator of the tests, pulled item by item."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        value = _ask(self, "next")
        if isinstance(value, StopMark):
            raise StopIteration(value.value)
        return value


JUDGE_KINDS = {"": JudgeObject, "c": JudgeCallable, "b": JudgeIterable, "i": JudgeIterator}


def builtin_base(kind: type) -> str:
    """The name of the nearest builtin class."""
    for base in kind.__mro__:
        if vars(builtins).get(base.__name__) is base:
            return str(base.__name__)
    return "Exception"


def builtin_exception(name: Any) -> type[BaseException]:
    """The builtin exception of that name, else Exception."""
    kind = getattr(builtins, name, Exception)
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception


def bare(kind: type[BaseException]) -> BaseException:
    """An exception of that class without arguments; a few are made of certain ones only."""
    return Exception() if issubclass(kind, BaseExceptionGroup) else kind.__new__(kind)
