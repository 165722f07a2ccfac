"""What a test program holds in the place of the candidate's objects.

A proxy lets through what a task declared: calls, attributes, iteration, ``with``, ``await``, and the operators of a
declared class. Against an object that is equal to everything, hashes like the expected one or poses as a passed test:
the candidate never answers a comparison, a truth test, a hash, a repr, or any other question that the language or a
test runner asks by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from gristmill.verifiers.code.guest.judge.ending import is_asked_by_name, let_tasks_await
from gristmill.verifiers.code.guest.judge.swallowing import left
from gristmill.verifiers.code.guest.wire.objects import OPERATORS
from gristmill.verifiers.code.guest.wire.peer import StopMark

__all__ = [
    "ABILITIES",
    "PREDICATES",
    "CandidateError",
    "Handle",
    "Line",
    "UncrossableError",
    "declared_class",
    "declared_function",
    "handle",
    "refuse",
    "told_by",
]


class CandidateError(BaseException):
    """The candidate ended, tried to leave, or answered something unusable. No ``except Exception`` may swallow it."""


class UncrossableError(BaseException):
    """The tests pass something to the candidate that cannot be passed between processes: they cannot be run apart."""


class Line(Protocol):
    """What proxies need of the line to their candidate."""

    raised: BaseException | None
    test_files: set[str]
    operators: int
    decisions: int
    comparisons: int
    steered: int

    def give_up(self, reason: str) -> CandidateError:
        """Let the check that runs fail, whatever comes of it; returns what to raise."""
        ...

    def ask(self, op: str, target: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Have the candidate do something with one of its objects."""
        ...

    def adopt(self, proxy: Handle) -> None:
        """Have a handle that has just got its number stand for the candidate's object of that number."""
        ...


class Handle:
    """An object that stayed with the candidate. Equal to itself only, true, and silent about what it is."""

    __slots__ = ("__weakref__", "_gristmill_line", "_gristmill_number", "_gristmill_shown", "_gristmill_values")
    _gristmill_line: Line
    _gristmill_number: int
    _gristmill_shown: bool  # whether an operator that made it was shown a value of the tests
    _gristmill_values: dict[str, Any] | None  # of an object that is not with the candidate; see `judge.fields`

    # What ``isinstance`` sees: the container that a class derives from by its text, and never the candidate's word.
    __class__ = property(lambda self: getattr(type(self), "_gristmill_poses", type(self)))

    def _gristmill_place(self) -> int:
        """The number of the candidate's object; one that was made here goes there first."""
        return self._gristmill_number

    def __getattr__(self, name: str) -> Any:
        refuse(name)
        if name in PREDICATES and not getattr(type(self), "_gristmill_asked", False):
            raise AttributeError(f"{name!r} is asked of plain values; an object may not answer in their place")
        return told_by(self, self._gristmill_line.ask("get", self._gristmill_place(), (name,)))

    def __setattr__(self, name: str, value: Any) -> None:
        refuse(name)
        self._gristmill_line.ask("set", self._gristmill_place(), (name, value))

    def __delattr__(self, name: str) -> None:
        refuse(name)
        self._gristmill_line.ask("del", self._gristmill_place(), (name,))

    def __repr__(self) -> str:
        return f"<an object of the candidate, class {type(self).__name__}>"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Handle) and other is not self:
            self._gristmill_line.comparisons += 1
        if other is self:
            # It may have handed back the very object that the tests had it make to compare with.
            self._gristmill_line.decisions += 1
        return self is other

    __hash__ = object.__hash__


# What tests ask of texts, numbers, sets and arrays as they compare others with ``==``.
PREDICATES = frozenset(
    """
    startswith endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace
    istitle isupper find rfind rindex issubset issuperset isdisjoint is_integer is_nan is_finite all any equals
    """.split()
)


def refuse(name: str) -> None:
    """Names that the language, pytest, unittest or mock look up by themselves are no candidate's to answer."""
    if name.startswith(("__", "_gristmill", "pytest", "_pytest", "_mock")):
        raise AttributeError(f"{name!r} is not passed on to the candidate")


def told_by(self: Handle, answer: Any) -> Any:
    """What an object has answered; what was made of a wanted value decides the comparison by whatever it says."""
    if self._gristmill_shown:
        _mark(self, answer)
    return answer


def _mark(self: Handle, answer: Any) -> None:
    if isinstance(answer, Handle):
        object.__setattr__(answer, "_gristmill_shown", True)
    elif answer is not NotImplemented:
        self._gristmill_line.decisions += 1


def _call(self: Handle, /, *args: Any, **kwargs: Any) -> Any:
    return told_by(self, self._gristmill_line.ask("call", self._gristmill_place(), args, kwargs))


def _iter(self: Handle) -> Any:
    iterator = told_by(self, self._gristmill_line.ask("iter", self._gristmill_place()))
    return iterator if hasattr(type(iterator), "__next__") else iter(iterator)


def _next(self: Handle) -> Any:
    value = self._gristmill_line.ask("next", self._gristmill_place())
    if isinstance(value, StopMark):
        if self._gristmill_shown:
            self._gristmill_line.decisions += 1
        if is_asked_by_name(sys._getframe(1), self._gristmill_line.test_files):
            raise self._gristmill_line.give_up("an iterator had ended where the tests wanted one more item")
        raise StopIteration(value.value)
    return told_by(self, value)


def _same(self: Handle) -> Handle:
    return self


def _enter(self: Handle) -> Any:
    return told_by(self, self._gristmill_line.ask("enter", self._gristmill_place()))


def _exit(self: Handle, kind: Any, error: Any, trace: Any) -> bool:
    return left(self._gristmill_line, self._gristmill_place(), "exit", error)


def _await(self: Handle) -> Any:
    yield from ()  # makes this a generator, which is what __await__ returns
    return told_by(self, self._gristmill_line.ask("await", self._gristmill_place()))


ABILITIES: dict[str, dict[str, Any]] = {
    "c": {"__call__": _call},
    "b": {"__iter__": _iter},
    "i": {"__iter__": _same, "__next__": _next},
    "x": {"__enter__": _enter, "__exit__": _exit},
    "w": {"__await__": _await},
}


def _abilities(flags: str, *, declared: bool = True) -> dict[str, Any]:
    """The methods of what can do these things. What can be awaited is never iterated over: each end is of one kind."""
    methods: dict[str, Any] = {}
    for flag in sorted(set(flags) - (set("bgian") if "w" in flags else set())):
        methods |= ABILITIES.get(flag, {})
    return methods if declared or "c" not in flags else methods | ABILITIES["named"]


# The other operators take no value of the tests that could be the wanted one.
_HARMLESS = frozenset(
    f"__{name}__"
    for name in """
    len getitem setitem delitem reversed str format int float complex index round trunc floor ceil neg pos abs invert
    """.split()
)


def _operator(name: str) -> Any:
    decides = name not in _HARMLESS

    def method(self: Handle, *args: Any) -> Any:
        line = self._gristmill_line
        line.operators += 1
        result = line.ask("operator", self._gristmill_place(), (name, *args))
        if name == "__contains__" or self._gristmill_shown or (decides and args):
            # An operand may be the wanted value, or hold it: ``abs(answer - V(3)) < 1e-6``. What comes of it decides.
            _mark(self, result)
        return result

    method.__name__ = name
    return method


class DeclaredClass(type):
    """The class of the handles of one declared class: calling it makes an object on the candidate's side."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        line, name = _declared(cls)
        make = vars(cls).get("_gristmill_make")
        if make is not None:
            return make(args, kwargs)
        return line.ask("call", name, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        refuse(name)
        line, target = _declared(cls)
        return line.ask("get", target, (name,))

    def __setattr__(cls, name: str, value: Any) -> None:
        refuse(name)
        line, target = _declared(cls)
        line.ask("set", target, (name, value))


def _declared(cls: type) -> tuple[Line, str]:
    declaration = vars(cls).get("_gristmill_declared")
    if declaration is None:
        raise UncrossableError("the tests derive a class of their own from the candidate's")
    line, name = declaration
    return line, name


def declared_class(line: Line, name: str, bases: list[type[Handle]], operators: set[str], flags: str) -> type[Handle]:
    """The class whose instances stand for the candidate's objects of a declared class."""
    body: dict[str, Any] = {"__slots__": (), "__module__": "solution", "_gristmill_asked": True}
    body |= {"_gristmill_declared": (line, name)} | {key: _operator(key) for key in operators & OPERATORS}
    body |= _abilities(flags)
    # With a __len__ but without this, Python would take the length for the truth.
    body["__bool__"] = Handle.__bool__
    # The nearest of its declared bases, each of which brings its own.
    nearest = [base for base in bases if not any(base in other.__mro__[1:] for other in bases)]
    stand_in: type[Handle] = DeclaredClass(name, tuple(nearest) or (Handle,), body)  # type: ignore[assignment]  # it is one
    if "w" in flags:
        let_tasks_await(stand_in)
    return stand_in


def declared_function(line: Line, name: str) -> Callable[..., Any]:
    """A plain function that has the candidate call its own of that name."""

    def proxy(*args: Any, **kwargs: Any) -> Any:
        return line.ask("call", name, args, kwargs)

    proxy.__name__ = proxy.__qualname__ = name
    proxy.__module__ = "solution"
    return proxy


_kinds: dict[str, type[Handle]] = {}


def handle(line: Line, number: int, flags: str, declared: type[Handle] | None) -> Handle:
    """The proxy for the candidate's object of that number."""
    kind = declared
    if kind is None:
        flags = "".join(sorted(flag for flag in set(flags) if flag in ABILITIES))
        if flags not in _kinds:
            _kinds[flags] = type("object", (Handle,), {"__slots__": (), **_abilities(flags, declared=False)})
            if "w" in flags:
                let_tasks_await(_kinds[flags])
        kind = _kinds[flags]
    proxy: Handle = object.__new__(kind)
    object.__setattr__(proxy, "_gristmill_line", line)
    object.__setattr__(proxy, "_gristmill_number", number)
    object.__setattr__(proxy, "_gristmill_shown", False)
    object.__setattr__(proxy, "_gristmill_values", None)
    return proxy
