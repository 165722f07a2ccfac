"""The judge's end of the line to one candidate: what comes is bounded, and is copied or stands behind a proxy.

Against errors that steer their caller: one that would end or skip a test arrives as the candidate's fault.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from gristmill.sandbox.wire.values import Bounds, DecodeError, EncodeError
from gristmill.verifiers.code.guest.judge.abilities.asynchronous import ASYNCHRONOUS
from gristmill.verifiers.code.guest.judge.abilities.generating import GENERATING
from gristmill.verifiers.code.guest.judge.abilities.raising import error_of
from gristmill.verifiers.code.guest.judge.abilities.telling import AttributedFunction, own_answers, with_names
from gristmill.verifiers.code.guest.judge.carrying import carry
from gristmill.verifiers.code.guest.judge.fields import hold
from gristmill.verifiers.code.guest.judge.hearing import Printout, exception_class, write_down
from gristmill.verifiers.code.guest.judge.lending import Borrowed, Lent, is_failure
from gristmill.verifiers.code.guest.judge.proxies import (
    ABILITIES,
    CandidateError,
    Handle,
    UncrossableError,
    declared_class,
    declared_function,
    handle,
)
from gristmill.verifiers.code.guest.judge.showing import (
    builtin_base,
    call_text,
    error_text,
    exception_type,
    holds_exceptions,
    said,
    short,
    strings,
)
from gristmill.verifiers.code.guest.wire.awaiting import run_awaitable
from gristmill.verifiers.code.guest.wire.objects import Remote
from gristmill.verifiers.code.guest.wire.peer import LostPeerError, RemoteRaisedError, StopMark, Wire
from gristmill.verifiers.code.guest.wire.shared import FILENAME, is_own_exception

__all__ = ["RemoteCandidate"]

_TROUBLES_KEPT = 20
ABILITIES.update(ASYNCHRONOUS | GENERATING | {"named": with_names(ABILITIES["c"])})


class RemoteCandidate:
    """The line to one candidate.

    Args:
        sock: the line.
        names: the entry points that the task declares; nothing else of the candidate can be reached by name.
        bounds: of each message from the candidate.
        log: called with the text of each call and of what came of it; only for tests that a model may read.
        patience: for an evaluator: seconds that it is waited for; it gets copies then.
    """

    def __init__(
        self,
        sock: Any,
        names: tuple[str, ...],
        bounds: Bounds,
        log: Callable[[str, str], None] | None = None,
        patience: float | None = None,
    ) -> None:
        self.outline: Any = []
        self.printout: Any = Printout()
        self.names = names
        self.entry_points: dict[str, Any] = {}
        self.operators = self.decisions = 0
        self.steered = 0  # errors and ends of iterators that would have steered the tests
        self.comparisons = 0
        self.trouble: list[str] = []
        self.raised: BaseException | None = None
        self.description: dict[str, Any] = {}
        self.test_files: set[str] = set()
        self._log = log
        self.troubles = 0
        self._failure: BaseException | None = None
        self._lent = Lent(self.test_files)
        self._errors: list[BaseException] = []
        self._handles: WeakValueDictionary[int, Handle] = WeakValueDictionary()
        self._declared: dict[str, type] = {}
        self._setup_requests = 0
        self._wire = Wire(
            sock,
            export=self._export,
            proxy=self._proxy,
            answer=self._answer,
            blame=self._blame,
            bounds=bounds,
            export_made=lambda value: self._export(value, given=False),
            proxy_argument=self._argument,
            holding="asking" if patience is None else "",
            copies="" if patience is None else "asks",
            patience=patience,
        )
        self.line = self._wire.line

    @property
    def calls(self) -> int:
        """What the candidate was asked since it was loaded."""
        return self._wire.requests - self._setup_requests

    @property
    def lost(self) -> str:
        """Why the candidate cannot be asked any more; empty while it can."""
        return self._wire.lost

    def share(self, source: str) -> dict[str, Any]:
        """Run source that both sides load; returns its names.

        Raises:
            BaseException: whatever it raises.
        """
        self.test_files.add(FILENAME)
        given = self._wire.carrier.share(source)
        self._declared |= {name: value for name, value in given.items() if is_own_exception(value)}
        return given

    def begin(self) -> None:
        """A check begins: what made an earlier one fail is past."""
        self._failure = None

    def fail(self, reason: str) -> None:
        """The check that runs has failed, whatever the tests and the candidate make of it."""
        self.troubles += 1
        if len(self.trouble) < _TROUBLES_KEPT:
            self.trouble.append(reason[:300])

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
            raise self.give_up(str(error)) from None
        rows = [row for row in described if type(row) is dict] if type(described) is list else []
        # Bases first, so that the classes made here derive from each other as theirs do.
        for row in sorted(rows, key=lambda row: len(strings(row.get("bases")))):
            if type(row.get("name")) is str and row["name"] in self.names:
                point = self.entry_points[row["name"]] = self._entry_point(row["name"], row)
                if row.get("kind") == "value" and holds_exceptions(point):
                    # Tests that say ``except`` to it would catch their own failures.
                    return {"type": "TypeError"}
        self._setup_requests = self._wire.requests
        self.entry_points |= carry(self, self.outline, self._declared, self._wire.carrier)
        return None

    def adopt(self, proxy: Handle) -> None:
        """See `gristmill.verifiers.code.guest.judge.proxies.Line`."""
        self._handles[proxy._gristmill_number] = proxy

    def _entry_point(self, name: str, row: dict[str, Any]) -> Any:
        if row.get("kind") == "exception":
            above = [self._declared[base] for base in strings(row.get("bases")) if base in self._declared]
            parent = above[0] if above and issubclass(above[0], BaseException) else exception_type(row.get("base"))
            self._declared[name] = exception_class(name, parent)
            return self._declared[name]
        if row.get("kind") == "class":
            above = [self._declared[base] for base in strings(row.get("bases")) if base in self._declared]
            bases = [base for base in above if issubclass(base, Handle)]
            operators = set(strings(row.get("operators")))
            stand_in = self._declared[name] = declared_class(self, name, bases, operators, said(row.get("flags")))
            own_answers(stand_in, strings(row.get("asked")), operators)
            return write_down(stand_in, row)
        if row.get("kind") == "value":
            return self.ask("value", name)
        kind: Any = AttributedFunction if row.get("attributed") is True else declared_function
        return write_down(kind(self, name), row)

    def ask(self, op: str, target: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Have the candidate do something.

        Raises:
            CandidateError: it cannot be asked any more, or did what no function may do to its caller.
            UncrossableError: an argument cannot be passed on.
            BaseException: whatever builtin or declared exception the candidate raised.
        """
        if self._failure is not None:
            raise self._failure
        try:
            result = self._wire.request(op, target, args, kwargs)
            # What the tests gave earlier may be what they compare with by now.
            self.decisions, self._wire.later = self.decisions + self._wire.later, 0
        except LostPeerError as lost:
            error: BaseException = self.give_up(str(lost))
        except RemoteRaisedError as raised:
            error = error_of(self, raised.error, self._errors, self._declared)
            self.raised, self.description = error, raised.error
        except (EncodeError, RecursionError) as problem:
            reason = f"an argument cannot be passed to the candidate: {problem}"
            self.fail(reason)
            error = UncrossableError(reason)
        else:
            if self._failure is not None:
                raise self._failure
            if op in ("next", "anext", "send", "throw") or not isinstance(result, StopMark):
                if self._log is not None:
                    self._log(call_text(op, target, args, kwargs), f"returned {short(result)}")
                return result
            error = self.give_up("it answered a call with the end of an iterator")
        if self._log is not None:
            self._log(call_text(op, target, args, kwargs), f"raised {error_text(error)}")
        raise self._failure or error

    def give_up(self, reason: str) -> CandidateError:
        """Let the check that runs fail; returns what to raise."""
        self.fail(reason)
        return CandidateError(reason)

    def _export(self, value: Any, *, given: bool = True) -> Any:
        if isinstance(value, Handle):
            hold(value)
            return Remote("yours", value._gristmill_number, "", "")
        for name, point in self.entry_points.items():
            if point is value:
                return Remote("name", 0, "", name)
        if isinstance(value, BaseException):
            return Remote("exception", 0, "", builtin_base(type(value)))
        return self._lent.lend(value, given=given)

    def _proxy(self, remote: Any) -> Any:
        kind, number = remote.kind, remote.number
        if kind == "mine":
            proxy = self._handles.get(number)
            if proxy is None:
                declared = self._declared.get(remote.name)
                declared = declared if declared is not None and issubclass(declared, Handle) else None
                proxy = self._handles[number] = handle(self, number, remote.flags, declared)
            return proxy
        try:
            if kind == "yours":
                return self._lent.returned(number)
            if kind == "library":
                return self._lent.library(remote.name)
        except LookupError:
            raise DecodeError("no such object") from None
        if kind == "name" and remote.name in self.entry_points:
            return self.entry_points[remote.name]
        if kind == "exception":
            return exception_type(remote.name)()
        if kind == "not_implemented":
            return NotImplemented
        raise DecodeError("no such object")

    def _argument(self, remote: Any) -> Any:
        """The same for what the candidate passes to a function of the tests: none of their objects is among it."""
        proxy = self._proxy(remote)
        if remote.kind in ("yours", "library") and type(proxy) is not Borrowed:
            return Borrowed(proxy)
        return proxy

    def _answer(self, op: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """What a candidate may ask of the tests' objects: to call them, and to iterate over them."""
        if self._failure is not None:
            raise self._failure
        try:
            if op == "printed":
                return self.printout.write(args)
            return self._done(op, self._lent.object_of(target), args, kwargs)
        except BaseException as error:
            if is_failure(error):
                # Whoever catches it on the way has a failed check all the same, and no second try.
                self._failure = error
                self.fail("an assertion failed in a function that the tests passed in")
            raise

    @staticmethod
    def _done(op: str, value: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if op == "call" and callable(value):
            return value(*args, **kwargs)
        if op == "iter":
            return iter(value)
        if op == "next":
            try:
                return next(value)
            except StopIteration as stop:
                return StopMark(stop.value)
        if op == "doc" and isinstance(value, types.FunctionType):
            return value.__doc__
        if op == "await" and inspect.iscoroutine(value):
            return run_awaitable(value)
        raise TypeError("an object of the tests can only be called or iterated")

    def _blame(self, error: BaseException) -> dict[str, Any]:
        """Type only: a message of the tests' may hold what they want to see."""
        self._errors.append(error)
        return {"type": builtin_base(type(error)), "args": [], "judge": len(self._errors) - 1}
