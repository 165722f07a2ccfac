"""The candidate's side of the line: loads the solution, then does what the judge's proxies ask.

Everything here shares a process with the candidate and may be changed by it. That is allowed for: nothing that leaves
this process is believed to be more than the candidate's own answer.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.guest.candidate import load
from gristmill.sandbox.wire.values import Bounds, DecodeError, EncodeError
from gristmill.verifiers.code.guest.candidate.carried import Carried
from gristmill.verifiers.code.guest.candidate.judge_objects import (
    JUDGE_KINDS,
    JudgeObject,
    bare,
    builtin_base,
    builtin_exception,
    flags_of,
)
from gristmill.verifiers.code.guest.candidate.printing import Printed
from gristmill.verifiers.code.guest.candidate.saying import (
    extras_of,
    has_attributes,
    plain_args,
    text_of,
    written,
)
from gristmill.verifiers.code.guest.wire.awaiting import run_awaitable
from gristmill.verifiers.code.guest.wire.cores import share_core
from gristmill.verifiers.code.guest.wire.objects import OPERATORS, Remote
from gristmill.verifiers.code.guest.wire.peer import StopMark, Wire
from gristmill.verifiers.code.guest.wire.shared import is_own_exception

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["FILENAME", "answer"]

FILENAME = "<solution>"


def answer(context: JobContext) -> None:
    """Load the solution, say what came of it, and answer the judge until it hangs up.

    The request is ``{"source", "entry_points", "bounds", "shared"}``; and, for an evaluator, ``"copies"``: what it is
    given is its own, and nothing of what it does to that is told; and ``"core"``, on which it runs with its judge.
    """
    request = context.request
    share_core(request.get("core"))
    solution = LoadedSolution(context.sockets[0], Bounds(*request["bounds"]), copies=request.get("copies", False))
    solution.run(request["source"], request["entry_points"], request.get("shared", ""))
    # What the candidate has put up for its end (atexit, __del__, threads) may not keep the worker waiting.
    os._exit(0)


class LoadedSolution:
    """The solution's objects, by name and by number."""

    def __init__(self, sock: Any, bounds: Bounds, *, copies: bool = False) -> None:
        self._names: dict[str, Any] = {}
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._declared: dict[type, str] = {}
        self._judged: dict[int, Any] = {}
        self._libraries: dict[int, tuple[str, Any]] = {}
        self._wire = Wire(
            sock,
            export=self._export,
            proxy=self._proxy,
            answer=self._answer,
            blame=self._blame,
            bounds=bounds,
            holding="" if copies else "serving",
            copies="answers" if copies else "",
        )

        self._printed = Printed()
        self._carried = Carried(self._wire.carrier)

    def run(self, source: str, entry_points: list[str], shared: str) -> None:
        """Answer the judge, whose first request is to load the sources."""
        self._source, self._shared = source, shared
        self._entry_points = entry_points
        self._printed.begin()
        self._wire.serve()

    def _load(self) -> list[dict[str, Any]]:
        given = self._wire.carrier.share(self._shared) if self._shared else {}
        module = load(self._source, given=given)
        self._carried.load(vars(module))
        defined = {name: value for name, value in vars(module).items() if value is not given.get(name, module)}
        self._names = {name: defined[name] for name in self._entry_points if name in defined}
        errors = {value: name for name, value in given.items() if is_own_exception(value)}
        self._declared = errors | {value: name for name, value in self._names.items() if isinstance(value, type)}
        return [self._describe(name, value) for name, value in self._names.items()]

    def _describe(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, type):
            kind = "function" if callable(value) else "value"
            return {"name": name, "kind": kind, "attributed": has_attributes(value), **written(value)}
        if issubclass(value, BaseException):
            bases = [self._declared[base] for base in value.__mro__[1:] if base in self._declared]
            return {"name": name, "kind": "exception", "base": builtin_base(value), "bases": bases}
        bases = [self._declared[base] for base in value.__mro__[1:] if base in self._declared]
        defined = {key for base in value.__mro__[:-1] for key, item in vars(base).items() if item is not None}
        return {
            "name": name,
            "kind": "class",
            **written(value),
            "bases": bases,
            "operators": sorted(OPERATORS & defined),
            "asked": sorted(defined & {"__repr__", "__bool__"} | ({"__bool__"} if "__len__" in defined else set())),
            "flags": flags_of(value, defined),
        }

    def _answer(self, op: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return self._done(op, target, args, kwargs)
        finally:
            if printed := self._printed.take():
                self._wire.request("printed", None, printed)

    def _done(self, op: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if op == "load":
            return self._load()
        if op in Carried.ASKED:
            return getattr(self._carried, op)(target, *args, **kwargs)
        value = self._names[target] if type(target) is str else self._objects[target]
        if op == "call":
            return value(*args, **kwargs)
        if op == "next":
            try:
                return next(value)
            except StopIteration as stop:
                return StopMark(stop.value)
        if op in Carried.OF_OBJECTS:
            return getattr(self._carried, op)(value, *args)
        return getattr(self, f"_do_{op}")(value, *args)

    def _do_map(self, value: Any, rows: list[Any]) -> list[Any]:
        return [value(*row) for row in rows]

    def _do_value(self, value: Any) -> Any:
        return value

    def _do_get(self, value: Any, name: str) -> Any:
        return getattr(value, name)

    def _do_set(self, value: Any, name: str, new: Any) -> None:
        setattr(value, name, new)

    def _do_del(self, value: Any, name: str) -> None:
        delattr(value, name)

    def _do_iter(self, value: Any) -> Any:
        return iter(value)

    def _do_enter(self, value: Any) -> Any:
        return type(value).__enter__(value)

    def _do_exit(self, value: Any, error: Any) -> bool:
        return bool(type(value).__exit__(value, error and type(error), error, None))

    def _do_await(self, value: Any) -> Any:
        return run_awaitable(value)

    def _do_send(self, value: Any, sent: Any) -> Any:
        try:
            return value.send(sent)
        except StopIteration as stop:
            return StopMark(stop.value)

    def _do_throw(self, value: Any, error: Any, args: list[Any]) -> Any:
        error.args = tuple(args)
        try:
            return value.throw(error)
        except StopIteration as stop:
            return StopMark(stop.value)

    def _do_close(self, value: Any) -> Any:
        return value.close()

    def _do_aiter(self, value: Any) -> Any:
        return type(value).__aiter__(value)

    def _do_anext(self, value: Any) -> Any:
        try:
            return run_awaitable(type(value).__anext__(value))
        except StopAsyncIteration:
            return StopMark(None)

    def _do_aenter(self, value: Any) -> Any:
        return run_awaitable(type(value).__aenter__(value))

    def _do_aexit(self, value: Any, error: Any) -> bool:
        return bool(run_awaitable(type(value).__aexit__(value, error and type(error), error, None)))

    def _do_repr(self, value: Any) -> str:
        return repr(value)

    def _do_truth(self, value: Any) -> bool:
        return bool(value)

    def _do_operator(self, value: Any, name: str, *args: Any) -> Any:
        return getattr(type(value), name)(value, *args)

    def _export(self, value: Any) -> Any:
        if isinstance(value, JudgeObject):
            return Remote("yours", value._number, "", "")
        if id(value) in self._libraries:
            return Remote("library", 0, "", self._libraries[id(value)][0])
        if value is NotImplemented:
            return Remote("not_implemented", 0, "", "")
        if isinstance(value, type) and value in self._declared:
            return Remote("name", 0, "", self._declared[value])
        for name, named in self._names.items():
            if named is value and callable(value):
                return Remote("name", 0, "", name)
        if isinstance(value, BaseException):
            return Remote("exception", self._number(value), "", builtin_base(type(value)))
        kind = self._carried.name_of(type(value)) or next(
            (self._declared[base] for base in type(value).__mro__ if base in self._declared), ""
        )
        defined = {key for base in type(value).__mro__ for key, item in vars(base).items() if item is not None}
        return Remote("mine", self._number(value), flags_of(type(value), defined), kind)

    def _library(self, name: str) -> Any:
        """This process's own function or class of a library, for one that the tests pass."""
        module, _, path = name.partition(":")
        try:
            attribute: Any = importlib.import_module(module)
            for part in path.split("."):
                attribute = getattr(attribute, part)
        except (ImportError, AttributeError):  # the solution changed its own
            return JudgeObject(-1, self._wire)
        self._libraries[id(attribute)] = (name, attribute)
        return attribute

    def _number(self, value: Any) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def _proxy(self, remote: Any) -> Any:
        if remote.kind == "yours":
            return self._objects[remote.number]
        if remote.kind == "name":
            return self._names[remote.name]
        if remote.kind == "exception":
            return bare(builtin_exception(remote.name))
        if remote.kind == "library":
            return self._library(remote.name)
        if remote.kind != "mine":
            raise DecodeError("no such link")
        if remote.number not in self._judged:
            kind = JUDGE_KINDS[remote.flags]
            self._judged[remote.number] = kind(remote.number, self._wire, remote.name)
        return self._judged[remote.number]

    def _declared_name(self, error: BaseException) -> str:
        return next((self._declared[base] for base in type(error).__mro__ if base in self._declared), "")

    def _group(self, error: Any) -> list[Any]:
        return [
            text_of(error).rpartition(" (")[0],
            [
                [self._declared_name(each), builtin_base(type(each)), plain_args(each), text_of(each)]
                for each in error.exceptions[:50]
            ],
        ]

    def _blame(self, error: BaseException) -> dict[str, Any]:
        lines = []
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == FILENAME:
                lines.append([trace.tb_lineno, trace.tb_frame.f_code.co_name])
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename == FILENAME:
            lines.append([error.lineno or 0, ""])
        return {
            "type": builtin_base(type(error)),
            "own": type(error).__name__[:80],
            "declared": self._declared_name(error),
            "args": plain_args(error),
            "text": text_of(error),
            "extras": extras_of(error),
            "group": self._group(error) if isinstance(error, ExceptionGroup) else None,
            "lines": lines[-8:],
            "judge": getattr(error, "_judge_error", -1),
            "uncrossable": isinstance(error, EncodeError),
        }
