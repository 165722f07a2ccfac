"""What a candidate gets of the tests' objects, and what it may hand back.

Functions and classes of libraries are lent by name: the candidate uses its own, and nothing of the judge's runs. What
a candidate hands back as an argument of a function of the tests is a `Borrowed`, never the object. Against a candidate
that has one object of the tests work on another: ``str.format`` with ``{0.__globals__}``, a mock or ``approx`` that
equals everything and is made at its wish; or that catches the assertion of a callback and tries again.
"""

from __future__ import annotations

import functools
import importlib
import operator
import string
import sys
import types
import unittest
from typing import Any

from gristmill.sandbox.wire.values import EncodeError
from gristmill.verifiers.code.guest.judge.proxies import CandidateError, UncrossableError
from gristmill.verifiers.code.guest.judge.showing import flags_of
from gristmill.verifiers.code.guest.wire.objects import Remote

__all__ = ["Borrowed", "Lent", "is_failure"]

# Whoever may call one of these of the judge's can do anything there.
_REFLECTIVE = (
    *(eval, exec, compile, open, input, __import__, getattr, setattr, delattr, vars, globals, locals, breakpoint, dir),
    *(importlib.import_module, operator.attrgetter, operator.methodcaller, types.FunctionType, types.CodeType),
)
# These read attributes that their first argument names.
_FORMATTING = (str.format, str.format_map)
_REFLECTIVE_METHODS = frozenset(
    """
    __getattribute__ __getattr__ __setattr__ __delattr__ __reduce__ __reduce_ex__ __subclasses__ __init__ __new__
    __class__ __dir__ __format__ __setstate__
    """.split()
)
_MAX_WRAPPED = 20


class Borrowed:
    """An object of the tests that the candidate handed to one of their functions: it can be called and iterated over.

    It is equal to itself and to what it stands for, hashes like it, and has no attributes to be found by a text.
    """

    __slots__ = ("_object",)
    _object: Any

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "_object", value)

    def __getattribute__(self, name: str) -> Any:
        raise AttributeError("the solution passed on an object of the tests: it has no attributes here")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("the solution passed on an object of the tests: it has no attributes here")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what it stands for."""
        return _lent_by(self)(*args, **kwargs)

    def __iter__(self) -> Any:
        return iter(_lent_by(self))

    def __repr__(self) -> str:
        return "<an object of the tests>"

    def __eq__(self, other: object) -> bool:
        return _lent_by(self) is (_lent_by(other) if type(other) is Borrowed else other)

    def __hash__(self) -> int:
        return object.__hash__(_lent_by(self))


_lent_by = vars(Borrowed)["_object"].__get__


class Lent:
    """The objects of the tests that the candidate knows, by number, and the library's by name.

    Args:
        files: the names of the tests' own files, by which classes and functions of theirs are known.
    """

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._given: set[int] = set()
        self._libraries: dict[str, Any] = {}

    def lend(self, value: Any, *, given: bool) -> Any:
        """The link to send for an object. `given`: the tests pass it; else a function of theirs made it just now.

        Raises:
            EncodeError: it would let the candidate reach into the tests.
        """
        if type(value) is Borrowed:
            value = _lent_by(value)
        name = _library_name(value)
        if name:
            self._libraries[name] = value
            return Remote("library", 0, "", name)
        _check(value)
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        if given:
            self._given.add(number)
        name = value.__name__ if isinstance(value, types.FunctionType) else ""
        return Remote("mine", number, flags_of(value), name[:80])

    def object_of(self, number: Any) -> Any:
        """The object of that number, for the candidate to call or to iterate over.

        Raises:
            LookupError: there is none.
        """
        if type(number) is not int or not 0 <= number < len(self._objects):
            raise LookupError("no such object")
        return self._objects[number]

    def returned(self, number: int) -> Any:
        """The object itself, where the tests gave it or it is of a class of theirs; else a `Borrowed`."""
        value = self.object_of(number)
        whole = not _is_sly(type(value)) and (number in self._given or self._is_of_the_tests(value))
        return value if whole else Borrowed(value)

    def library(self, name: str) -> Any:
        """What was lent by that name.

        Raises:
            LookupError: nothing was.
        """
        return self._libraries[name]

    def _is_of_the_tests(self, value: Any) -> bool:
        kind = value if isinstance(value, type) else type(value)
        code = getattr(value, "__code__", None) or getattr(value, "gi_code", None) or getattr(value, "cr_code", None)
        if type(code) is types.CodeType:
            return code.co_filename in self._files
        if isinstance(value, types.MethodType):
            return self._is_of_the_tests(value.__func__)
        module = sys.modules.get(kind.__module__)
        return kind.__module__ == "tests" or getattr(module, "__file__", None) in self._files


def _library_name(value: Any) -> str:
    """Where a library's function or class can be found by whoever has the library: ``operator:add``; else empty."""
    if value is print or isinstance(value, types.ModuleType) or not callable(value):
        return ""  # what is printed by the tests' own print is the tests' to read
    owner = getattr(value, "__objclass__", value)
    module, path = getattr(owner, "__module__", None), getattr(value, "__qualname__", None)
    if type(module) is not str or type(path) is not str:
        return ""
    if module.partition(".")[0] not in _LIBRARIES:
        return ""
    attribute: Any = sys.modules.get(module)
    for part in path.split("."):
        attribute = vars(attribute).get(part) if isinstance(attribute, type | types.ModuleType) else None
    return f"{module}:{path}" if attribute is value else ""


_LIBRARIES = (sys.stdlib_module_names | {"numpy", "scipy", "sympy", "pandas", "networkx", "pytest"}) - {"__main__"}


def _check(value: Any) -> None:
    """Raise if whoever calls a value chooses what of the tests it works on."""
    inner: Any = value
    bound = False
    for _ in range(_MAX_WRAPPED):
        if type(inner) is functools.partial:
            inner, bound = inner.func, bound or bool(inner.args)
        elif isinstance(inner, types.MethodType) and isinstance(
            inner.__func__, functools.partial | types.BuiltinMethodType
        ):
            inner = inner.__func__
        else:
            break
    if any(inner is each for each in _REFLECTIVE) or (not bound and any(inner is each for each in _FORMATTING)):
        raise EncodeError(f"{inner.__name__} would let the candidate reach into the tests")
    if type(inner) is operator.methodcaller and inner.__reduce__()[1][0].startswith(("format", "__")):
        raise EncodeError("a method by that name would let the candidate reach into the tests")
    if isinstance(inner, types.MethodType | types.BuiltinMethodType | types.MethodWrapperType):
        owner, name = inner.__self__, getattr(inner, "__name__", "")
        if name in _REFLECTIVE_METHODS or isinstance(owner, string.Formatter) or _is_sly(type(owner)):
            raise EncodeError(f"the method {name} would let the candidate reach into the tests")


def _is_sly(kind: type) -> bool:
    """Whether objects of a class may equal what they like, or change the tests by a text: mocks, and pytest's own."""
    return any(
        base.__module__.partition(".")[0] == "_pytest" or base.__module__ == "unittest.mock" for base in kind.__mro__
    )


def is_failure(error: BaseException) -> bool:
    """Whether an exception is a failed or skipped test, an exit, or carries one: as cause, context, or in a group."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, _kinds()):
            return True
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return False


def _kinds() -> tuple[type[BaseException], ...]:
    outcomes: Any = sys.modules.get("_pytest.outcomes")
    kinds = (AssertionError, unittest.SkipTest, SystemExit, CandidateError, UncrossableError)
    return kinds if outcomes is None else (*kinds, outcomes.OutcomeException, outcomes.Exit)
