"""Programs that run a candidate: on test cases (`cases`), as a script (`script`), or as a served function (`calls`).

Nothing that they send is believed. They share a process with the candidate, which may patch them, write to their
channel or answer in their place: their messages are claims that the judge decodes, bounds and compares elsewhere.
"""

from __future__ import annotations

import atexit
import builtins
import importlib
import inspect
import linecache
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

from gristmill.sandbox.guest.context import JobContext
from gristmill.sandbox.guest.loading.modules import make_importable
from gristmill.sandbox.guest.standard_names import open_standard_names
from gristmill.sandbox.wire.answers import (
    MESSAGE_CHARACTERS,
    LoadError,
    Missing,
    Raised,
    Unencodable,
    Value,
    encode_answer,
)
from gristmill.sandbox.wire.channel import receive, send
from gristmill.sandbox.wire.files import placed
from gristmill.sandbox.wire.values import DEEP, Bounds, EncodeError, decode

__all__ = ["MissingEntryError", "calls", "cases", "describe", "load", "resolve", "script"]

_BUILTIN_TYPES = {kind for kind in vars(builtins).values() if isinstance(kind, type)}


class MissingEntryError(Exception):
    """The candidate defines no such name, or what it defines cannot be called."""


def load(source: str, name: str = "solution", given: dict[str, Any] | None = None) -> types.ModuleType:
    """Run source text as a fresh module that is importable by its name, and whose lines show in tracebacks.

    `given` are names that it has from the beginning. Of several files (`gristmill.sandbox.wire.files`) the first is
    that module, also under its own name, and others are importable by their paths; lines are counted over all of them.

    Raises:
        BaseException: whatever the source raises, SystemExit and the like included: `describe` makes data of it.
    """
    file = f"<{name}>"
    module = types.ModuleType(name)
    module.__file__ = file
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    files = placed(source)
    path = next(iter(files), "")
    if files:
        make_importable(files, "", file)
        own = path.removesuffix(".py").replace("/", ".")
        module.__package__ = own.rpartition(".")[0]
        sys.modules[own] = module
    code = compile(files.get(path, source), file, "exec", dont_inherit=True)
    sys.modules[name] = module
    module.__dict__.update(given or {})
    exec(code, module.__dict__)
    return module


def resolve(module: types.ModuleType, entry_point: str) -> Callable[..., Any]:
    """The callable of a (dotted) name; a class on the way, as in ``Solution.method``, is instantiated.

    Raises:
        MissingEntryError: there is no such callable.
    """
    target: Any = module
    parts = entry_point.split(".")
    for place, part in enumerate(parts):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise MissingEntryError(entry_point) from None
        if isinstance(target, type) and place < len(parts) - 1:
            target = target()
    if not callable(target):
        raise MissingEntryError(entry_point)
    return target  # type: ignore[no-any-return]  # anything callable


def describe(error: BaseException, file: str = "<solution>") -> tuple[str, str, int | None]:
    """The type's nearest builtin name, a bounded message, and the last line of the candidate's file that took part."""
    nearest = next(kind for kind in type.__getattribute__(type(error), "__mro__") if kind in _BUILTIN_TYPES)
    try:
        message = str(error)[:MESSAGE_CHARACTERS]
        message = message if type(message) is str else ""
    except BaseException:
        message = ""
    line = error.lineno if isinstance(error, SyntaxError) and type(error.lineno) is int else None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = number
    return nearest.__name__, message, line


def cases(context: JobContext) -> None:
    """Call the entry point on every case, and send one message for each as it ends.

    The request is ``{"source", "entry_point", "cases": [{"args", "kwargs"}]}`` and perhaps ``bounds``, and ``offered``:
    encoded values by name, each given, newly made for every call, to a function that has a parameter of that name.
    Messages, as in `gristmill.sandbox.wire.answers`: `Value`, `Raised` or `Unencodable` for a case; one `LoadError` or
    `Missing` if there is nothing to call. A case that runs out of memory is the last one.
    """
    request = context.request
    function = _load_entry(context, request["source"], request["entry_point"])
    if function is None:
        return
    bounds = Bounds(*request.get("bounds", DEEP))
    offered = {name: data for name, data in request.get("offered", {}).items() if _takes(function, name)}
    for case in request["cases"]:
        kwargs = case.get("kwargs", {}) | {name: decode(data) for name, data in offered.items()}
        context.send_bytes(_call(function, case.get("args", []), kwargs, bounds))


def calls(context: JobContext) -> None:
    """Serve the entry point over ``context.sockets[0]`` until its other side hangs up.

    The request is ``{"source", "entry_point", "wrapper": "module:function" or None}``; the wrapper is of a guest
    module and makes the served callable from the loaded one. The channel gets ``{"loaded": true}`` or what `cases`
    sends instead. Then each framed ``{"args", "kwargs"}`` is answered as a case is.
    """
    request = context.request
    function = _load_entry(context, request["source"], request["entry_point"])
    if function is None:
        return
    if request.get("wrapper"):
        module, _, name = request["wrapper"].partition(":")
        function = getattr(importlib.import_module(module), name)(function)
    line = context.sockets[0]
    context.send({"loaded": True})
    while (frame := receive(line)) is not None:
        call = decode(frame)
        send(line, _call(function, call.get("args", []), call.get("kwargs", {}), DEEP))


def script(context: JobContext) -> int:
    """Run ``request["source"]`` as a program would run: as ``__main__``, with its exit status."""
    source = context.request["source"]
    open_standard_names()
    try:
        load(source, "__main__")
        status = 0
    except SystemExit as leaving:
        status = _status(leaving)
    except MemoryError:
        raise
    except BaseException as error:
        _show(error)
        status = 1
    # What the interpreter does at its end, which a forked child never reaches.
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # joins threads that are no daemons
        atexit._run_exitfuncs()
    except SystemExit as leaving:
        status = _status(leaving)
    return status


def _load_entry(context: JobContext, source: str, entry_point: str) -> Callable[..., Any] | None:
    """The loaded entry point; None if there is none, which has been reported then."""
    try:
        return resolve(load(source), entry_point)
    except MissingEntryError:
        context.send_bytes(encode_answer(Missing(entry_point)))
    except MemoryError as error:
        context.send_bytes(encode_answer(LoadError(*describe(error))))
        raise
    except BaseException as error:
        context.send_bytes(encode_answer(LoadError(*describe(error))))
    return None


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of that name. One that lies about it, or ends its process, harms itself."""
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except MemoryError:
        raise
    except BaseException:
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _call(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], bounds: Bounds) -> bytes:
    """The encoded answer to one call."""
    try:
        value = function(*args, **kwargs)
    except MemoryError:
        raise
    except BaseException as error:
        return encode_answer(Raised(*describe(error)))
    try:
        return encode_answer(Value(value), bounds)
    except EncodeError as error:
        return encode_answer(Unencodable(str(error)))
    except MemoryError:
        raise
    except BaseException:
        # Reading the type of a hostile value may run its metaclass.
        return encode_answer(Unencodable("a value whose type cannot be read"))


def _show(error: BaseException) -> None:
    """Print a traceback without the frames that are ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") != "__main__":
        trace = trace.tb_next
    try:
        traceback.print_exception(type(error), error, trace)
    except BaseException:
        print(f"{type(error).__name__} (its traceback cannot be shown)", file=sys.stderr)


def _status(leaving: SystemExit) -> int:
    """The exit status that Python gives for a SystemExit."""
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
