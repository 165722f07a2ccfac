"""What stands for objects of the tests in a candidate's process: they can be called and iterated over, nothing else.

Against a candidate that reaches into the tests by what it is given: there is nothing here but a number.
"""

from __future__ import annotations

import builtins
import types
from typing import Any

from gristmill.verifiers.code.guest.wire.peer import RemoteRaisedError, StopMark, Wire

__all__ = ["JUDGE_KINDS", "JudgeObject", "bare", "builtin_base", "builtin_exception", "flags_of"]


class JudgeObject:
    """Something of the tests that came in as an argument. It can be called, or iterated; it has no attributes."""

    __slots__ = ("_name", "_number", "_wire")

    def __init__(self, number: int, wire: Wire, name: str = "") -> None:
        self._number = number
        self._wire = wire
        self._name = name


def _ask(self: JudgeObject, op: str, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
    try:
        return self._wire.request(op, self._number, args, kwargs)
    except RemoteRaisedError as raised:
        description = raised.error
    error = bare(builtin_exception(description["type"]))
    error._judge_error = description["judge"]  # type: ignore[attr-defined]  # so that it goes back as the same object
    raise error


class JudgeCallable(JudgeObject):
    """A function or class of the tests, of which ``functools.wraps`` can copy the name and the docstring."""

    __slots__ = ()
    __doc__ = property(lambda self: _ask(self, "doc") if self._name else None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        value = _ask(self, "call", args, kwargs)
        return value.begun() if type(value) is JudgeAwaitable else value

    def __getattr__(self, name: str) -> Any:
        if name in ("__name__", "__qualname__") and self._name:
            return self._name
        raise AttributeError(name)


class JudgeAwaitable(JudgeObject):
    """A coroutine of the tests, run to its end where it is awaited."""

    __slots__ = ()

    def __await__(self) -> Any:
        yield from ()  # makes this a generator
        return _ask(self, "await")

    async def begun(self) -> Any:
        """As a coroutine, which tasks are made of."""
        return await self


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


JUDGE_KINDS = {"": JudgeObject, "c": JudgeCallable, "b": JudgeIterable, "i": JudgeIterator, "w": JudgeAwaitable}


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


def flags_of(kind: type, defined: set[str]) -> str:
    """What an object can do besides having attributes: be called, iterated, pulled, entered, awaited, by turns too."""
    flags = "c" if "__call__" in defined else ""
    flags += "i" if "__next__" in defined else "b" if "__iter__" in defined or "__getitem__" in defined else ""
    flags += "x" if "__enter__" in defined and "__exit__" in defined else ""
    flags += "g" if kind is types.GeneratorType else ""
    flags += "n" if "__anext__" in defined else "a" if "__aiter__" in defined else ""
    flags += "y" if "__aenter__" in defined and "__aexit__" in defined else ""
    return flags + ("w" if "__await__" in defined else "")
