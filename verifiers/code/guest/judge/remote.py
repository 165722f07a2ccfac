"""The judge's end of the line to one candidate: what comes is bounded, and is copied or stands behind a proxy.

Against errors that steer their caller: one that would end or skip a test arrives as the candidate's fault.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import linecache
import operator
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from gristmill.sandbox.wire.values import Bounds, DecodeError, EncodeError, encode
from gristmill.verifiers.code.guest.judge.instrument import asserting_raises
from gristmill.verifiers.code.guest.judge.proxies import (
    CandidateError,
    Handle,
    UncrossableError,
    declared_class,
    declared_function,
    handle,
)
from gristmill.verifiers.code.guest.judge.showing import call_text, short
from gristmill.verifiers.code.guest.wire.objects import Remote
from gristmill.verifiers.code.guest.wire.peer import LostPeerError, RemoteRaisedError, StopMark, Wire

__all__ = ["RemoteCandidate"]

# What no function may do to its caller: each would end, skip or cut short a test without failing it.
_CONTROL = frozenset(("StopIteration", "StopAsyncIteration", "SkipTest", "Skipped", "Exit", "OutcomeException"))
_ENDS = (StopIteration, StopAsyncIteration)
# Whoever may call one of these of the judge's can do anything there.
_REFLECTIVE = (
    *(eval, exec, compile, open, input, __import__, getattr, setattr, delattr, vars, globals, locals, breakpoint),
    *(importlib.import_module, operator.attrgetter, operator.methodcaller, types.FunctionType, types.CodeType),
)
_TROUBLES_KEPT = 20


class RemoteCandidate:
    """The line to one candidate.

    Args:
        sock: the line.
        names: the entry points that the task declares; nothing else of the candidate can be reached by name.
        bounds: of each message from the candidate.
        log: called with the text of each call and of what came of it; only for tests that a model may read.
    """

    def __init__(
        self, sock: Any, names: tuple[str, ...], bounds: Bounds, log: Callable[[str, str], None] | None = None
    ) -> None:
        self.names = names
        self.entry_points: dict[str, Any] = {}
        self.operators = 0
        self.decisions = 0
        self.comparisons = 0
        self.trouble: list[str] = []
        self.raised: BaseException | None = None
        self.told: dict[str, Any] = {}
        self.test_files: set[str] = set()
        self._log = log
        self._own: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._errors: list[BaseException] = []
        self._handles: WeakValueDictionary[int, Handle] = WeakValueDictionary()
        self._declared: dict[str, type] = {}
        self._setup_requests = 0
        self._wire = Wire(
            sock, export=self._export, proxy=self._proxy, answer=self._answer, blame=self._blame, bounds=bounds
        )

    @property
    def calls(self) -> int:
        """What the candidate was asked since it was loaded."""
        return self._wire.requests - self._setup_requests

    @property
    def lost(self) -> str:
        """Why the candidate cannot be asked any more; empty while it can."""
        return self._wire.lost

    def raises_on_purpose(self, filename: str, number: int) -> bool:
        """See `gristmill.verifiers.code.guest.judge.proxies.Line`."""
        if filename not in self.test_files:
            return False
        return number not in asserting_raises("".join(linecache.getlines(filename)))

    def load(self) -> dict[str, Any] | None:
        """Let the candidate load its source and make the proxies; returns what it raised, if it did.

        Raises:
            CandidateError: it ended meanwhile, or did not speak as agreed.
        """
        try:
            described = self._wire.request("load", None)
        except RemoteRaisedError as raised:
            return raised.error
        except LostPeerError as error:
            raise self._give_up(str(error)) from None
        rows = [row for row in described if type(row) is dict] if type(described) is list else []
        # Bases first, so that the classes made here derive from each other as theirs do.
        for row in sorted(rows, key=lambda row: len(_strings(row.get("bases")))):
            if type(row.get("name")) is str and row["name"] in self.names:
                found = self.entry_points[row["name"]] = self._entry_point(row["name"], row)
                if row.get("kind") == "value" and _holds_exceptions(found):
                    # Tests that say ``except`` to it would catch their own failures.
                    return {"type": "TypeError"}
        self._setup_requests = self._wire.requests
        return None

    def _entry_point(self, name: str, row: dict[str, Any]) -> Any:
        if row.get("kind") == "exception":
            self._declared[name] = type(name, (_exception_type(row.get("base")),), {"__module__": "solution"})
            return self._declared[name]
        if row.get("kind") == "class":
            bases = [self._declared[base] for base in _strings(row.get("bases")) if base in self._declared]
            base = bases[0] if bases and issubclass(bases[0], Handle) else None
            operators = set(_strings(row.get("operators")))
            self._declared[name] = declared_class(self, name, base, operators, _text(row.get("flags")))
            return self._declared[name]
        if row.get("kind") == "value":
            return self.ask("value", name)
        return declared_function(self, name)

    def ask(self, op: str, target: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Have the candidate do something.

        Raises:
            CandidateError: it cannot be asked any more, or did what no function may do to its caller.
            UncrossableError: an argument cannot be passed on.
            BaseException: whatever builtin or declared exception the candidate raised.
        """
        try:
            result = self._wire.request(op, target, args, kwargs)
        except LostPeerError as lost:
            error: BaseException = self._give_up(str(lost))
        except RemoteRaisedError as raised:
            error = self._error(raised.error)
            self.raised, self.told = error, raised.error
        except (EncodeError, RecursionError) as problem:
            reason = f"an argument cannot be passed to the candidate: {problem}"
            self.trouble.append(reason)
            error = UncrossableError(reason)
        else:
            if op == "next" or not isinstance(result, StopMark):
                if self._log is not None:
                    self._log(call_text(op, target, args, kwargs), f"returned {short(result)}")
                return result
            error = self._give_up("it answered a call with the end of an iterator")
        if self._log is not None:
            self._log(call_text(op, target, args, kwargs), f"raised {type(error).__name__}: {error}"[:500])
        raise error

    def _give_up(self, reason: str) -> CandidateError:
        if len(self.trouble) < _TROUBLES_KEPT:
            self.trouble.append(reason[:300])
        return CandidateError(reason)

    def _error(self, told: dict[str, Any]) -> BaseException:
        """The exception to raise here for one that the candidate raised."""
        place, own, text = told.get("judge"), told.get("own"), _text(told.get("text"))[:1000]
        if type(place) is int and 0 <= place < len(self._errors):
            if isinstance(self._errors[place], _ENDS):
                return self._give_up("it passed on the end of an iterator of the tests")
            return self._errors[place]
        if told.get("uncrossable") is True:
            return self._give_up(f"it returned a value that cannot be passed on: {text}")
        name = told.get("declared")
        kind = self._declared.get(name) if type(name) is str else None
        if kind is None or not issubclass(kind, BaseException):
            kind = _exception_type(told.get("type"))
        if not issubclass(kind, Exception) or issubclass(kind, _ENDS) or own in _CONTROL:
            return self._give_up(f"it raised {own if type(own) is str else 'an exit'}")
        args = told.get("args")
        try:
            made = kind(*args) if type(args) is list else kind(text)
        except Exception:  # a builtin that wants other arguments than it was sent with
            return Exception(text)
        return made

    def _export(self, value: Any) -> Any:
        if isinstance(value, Handle):
            return Remote("yours", value._gristmill_number, "", "")
        for name, known in self.entry_points.items():
            if known is value:
                return Remote("name", 0, "", name)
        if isinstance(value, BaseException):
            return Remote("exception", 0, "", _builtin_base(type(value)))
        inner = value.func if type(value) is functools.partial else value
        if any(inner is each for each in _REFLECTIVE):
            raise EncodeError(f"{inner.__name__} would let the candidate reach into the tests")
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._own)
            self._own.append(value)
        return Remote("mine", number, _flags(value), "")

    def _proxy(self, remote: Any) -> Any:
        kind, number = remote.kind, remote.number
        if kind == "mine":
            found = self._handles.get(number)
            if found is None:
                declared = self._declared.get(remote.name)
                declared = declared if declared is not None and issubclass(declared, Handle) else None
                found = self._handles[number] = handle(self, number, remote.flags, declared)
            return found
        if kind == "yours" and 0 <= number < len(self._own):
            return self._own[number]
        if kind == "name" and remote.name in self.entry_points:
            return self.entry_points[remote.name]
        if kind == "exception":
            return _exception_type(remote.name)()
        if kind == "not_implemented":
            return NotImplemented
        raise DecodeError("no such object")

    def _answer(self, op: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """What a candidate may ask of the tests' objects: to call them, and to iterate over them."""
        if type(target) is not int or not 0 <= target < len(self._own):
            raise TypeError("no such object")
        value = self._own[target]
        if op == "call" and callable(value):
            return value(*args, **kwargs)
        if op == "iter":
            return iter(value)
        if op == "next":
            try:
                return next(value)
            except StopIteration as stop:
                return StopMark(stop.value)
        raise TypeError("an object of the tests can only be called or iterated")

    def _blame(self, error: BaseException) -> dict[str, Any]:
        self._errors.append(error)
        args: list[Any] = list(error.args)
        try:
            encode(args)
        except EncodeError:
            args = [str(error)]
        return {"type": _builtin_base(type(error)), "args": args, "judge": len(self._errors) - 1}


def _text(value: Any) -> str:
    """Text that the candidate says; a number may have too many digits to be written."""
    return value if type(value) is str else ""


def _holds_exceptions(value: Any) -> bool:
    """Whether a value could stand behind ``except``."""
    if type(value) is tuple:
        return any(map(_holds_exceptions, value))
    return isinstance(value, type) and issubclass(value, BaseException)


def _strings(value: Any) -> list[str]:
    return [item for item in value if type(item) is str] if type(value) is list else []


def _flags(value: Any) -> str:
    if callable(value):
        return "c"
    if hasattr(type(value), "__next__"):
        return "i"
    return "b" if hasattr(type(value), "__iter__") else ""


def _builtin_base(kind: type) -> str:
    return next(str(base.__name__) for base in kind.__mro__ if vars(builtins).get(base.__name__) is base)


def _exception_type(name: Any) -> type[BaseException]:
    kind = vars(builtins).get(name) if type(name) is str else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception
