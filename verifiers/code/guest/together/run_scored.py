"""Plain execution of an author's evaluator: evaluator and candidate in one process, on one instance.

Against a score that exists only where a boundary stands between the two. As in `run_plain` nothing here is defended,
since the candidate shares the process with the number that it must come to: so the host takes one message of one form,
it never makes a score by itself, and the worker is thrown away. What the task promises of the boundary holds here as
well: the candidate is given copies, and what it returns is one.
"""

from __future__ import annotations

import contextlib
import linecache
import math
import os
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from gristmill.sandbox.guest.candidate import load
from gristmill.sandbox.guest.loading.modules import make_importable
from gristmill.sandbox.wire.files import parted
from gristmill.verifiers.code.guest.together.pythons import fork_pythons
from gristmill.verifiers.code.guest.together.run_plain import be_silent

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["run", "score"]

_FILE = "<evaluator>"


class _RejectedError(BaseException):
    """The evaluator turns the candidate down."""


class _Candidate:
    """What the evaluator is handed: the same ways of calling as across the boundary, in one process."""

    def __init__(self, entry_points: dict[str, Any]) -> None:
        self._entry_points = {name: _called(value) for name, value in entry_points.items()}
        self._first = next(iter(self._entry_points.values()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._first(*args, **kwargs)

    def map(self, *columns: Any) -> list[Any]:
        return [self._first(*row) for row in zip(*columns, strict=True)]

    def reject(self, why: str) -> NoReturn:
        raise _RejectedError(why)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._entry_points[name]
        except KeyError:
            raise AttributeError(name) from None


def run(context: JobContext) -> None:
    """Send ``{"reproduced": True}`` if the evaluator comes to the number that is expected, and nothing else ever.

    The request is ``{"source", "entry_points", "code", "files", "instance", "seed", "main", "expected", "bound",
    "minimize", "relative", "absolute"}``: no score counts as worse than the bound, where there is one.
    """
    request = context.request
    be_silent()
    make_importable(request["files"], "<evaluator>")
    with contextlib.suppress(BaseException):
        solution = vars(load(request["source"]))
        candidate = _Candidate({name: solution[name] for name in request["entry_points"]})
        evaluate = _evaluator(request["code"])
        seeded = getattr(getattr(evaluate, "__code__", None), "co_argcount", 2) > 2
        given = (candidate, request["instance"], request["seed"])[: 3 if seeded else 2]
        number = _number(evaluate(*given), request["main"])
        if request["bound"] is not None:
            number = (min if request["minimize"] else max)(number, request["bound"])
        near = {"rel_tol": request["relative"], "abs_tol": request["absolute"]}
        if math.isfinite(number) and math.isclose(number, request["expected"], **near):
            context.send({"reproduced": True})


def score(context: JobContext) -> None:
    """Send what the evaluator comes to, which is believed by nobody: one message, for an owner who takes that.

    The request is ``{"source", "entry_points", "code", "files", "instance", "seed", "main"}``, the message one of
    ``{"numbers": {name: float}}`` (a lone number is called as `main`, or has an empty name), ``{"rejected": why}`` and
    ``{"fault": text}``.
    """
    request = context.request
    be_silent()
    make_importable(request["files"], "<evaluator>")
    fork_pythons()
    try:
        candidate = _Beside(request["source"], request["entry_points"])
        evaluate = _evaluator(request["code"])
        seeded = getattr(getattr(evaluate, "__code__", None), "co_argcount", 2) > 2
        given = (candidate, request["instance"], request["seed"])[: 3 if seeded else 2]
        returned = evaluate(*given)
        main = request["main"]
        numbers = returned if type(returned) is dict else {main or "": returned}
        context.send({"numbers": {name: _number(numbers, name) for name in list(numbers)[:200]}})
    except _RejectedError as rejected:
        context.send({"rejected": str(rejected)[:500]})
    except MemoryError:
        raise
    except BaseException as error:
        context.send({"fault": f"{type(error).__name__}: {error}"[:500]})


class _Beside(_Candidate):
    """The same, with the program's file; it is loaded when it is first called."""

    def __init__(self, source: str, names: list[str]) -> None:
        self._source, self._names = source, names
        self._loaded = False
        self._entry_points = {}

    @property
    def path(self) -> str:
        """The program's file in the folder of this job, written anew; of several the one with the entry points."""
        files = parted(self._source) or {"solution.py": self._source}
        for path, text in files.items():
            file = os.path.join(os.getcwd(), "program", path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w", encoding="utf-8", errors="surrogatepass") as written:
                written.write(text)
        return os.path.join(os.getcwd(), "program", next(iter(files)))

    def __getattr__(self, name: str) -> Any:
        if self._loaded:
            return super().__getattr__(name)
        self._loaded = True
        solution = vars(load(self._source))
        super().__init__({each: solution[each] for each in self._names if each in solution})
        return getattr(self, name)


def _evaluator(code: str) -> Callable[..., Any]:
    linecache.cache[_FILE] = (len(code), None, code.splitlines(keepends=True), _FILE)
    module = types.ModuleType("evaluator")
    module.__file__ = "/nowhere/evaluator.py"  # what looks for its neighbours from there finds them by import
    sys.modules["evaluator"] = module
    exec(compile(code, _FILE, "exec", dont_inherit=True), module.__dict__)
    evaluate: Callable[..., Any] = module.__dict__["evaluate"]
    return evaluate


def _number(returned: Any, main: str | None) -> float:
    value = returned[main] if type(returned) is dict else returned
    return float(value.item() if hasattr(value, "item") else value)


def _called(value: Any) -> Any:
    """A function that is given copies and returns one; classes and other objects are used as they are."""
    if not isinstance(value, types.FunctionType | types.BuiltinFunctionType):
        return value

    def call(*args: Any, **kwargs: Any) -> Any:
        return _copied(value(*_copied(args, {}), **_copied(kwargs, {})), {})

    return call


def _copied(value: Any, seen: dict[int, Any]) -> Any:
    """A copy of containers and arrays; objects of classes stay themselves, as handles of them would.

    `seen` has copies by the identity of what was copied, all of which is alive as long as the whole is.
    """
    if id(value) in seen:
        return seen[id(value)]
    kind = type(value)
    if kind is list:
        copy: Any = []
        seen[id(value)] = copy
        copy.extend(_copied(each, seen) for each in value)
    elif kind is dict:
        copy = {}
        seen[id(value)] = copy
        copy.update((_copied(key, seen), _copied(each, seen)) for key, each in value.items())
    elif kind in (tuple, set, frozenset):
        copy = kind(_copied(each, seen) for each in value)
    elif kind is bytearray or (kind.__module__ == "numpy" and kind.__name__ == "ndarray"):
        copy = value.copy()
    else:
        return value
    seen[id(value)] = copy
    return copy
