"""Runs a driven test's `drive` beside the candidate, and sends what it returns.

Nothing here is defended: `drive` shares the process with the candidate, which may patch it, read it, forge the message
or send nothing. So neither `judge` nor an expected value is ever in this process, one case is all that it serves, and
the message is a claim that the judge reads elsewhere. Against a candidate that looks for what it should have returned:
there is nothing to find but the case's `given`, and the text of `drive`.

`drive_all` is for confirming a pass, which it can only take away: all cases of a test come one after another in one
process, as those of `cases` do, and there is still nothing in it that says what is wanted.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.guest.candidate import describe, load
from gristmill.sandbox.guest.confinement.cleaning import empty
from gristmill.sandbox.guest.standard_names import open_standard_names
from gristmill.sandbox.wire.answers import LoadError, Raised, Unencodable, Value, encode_answer
from gristmill.sandbox.wire.values import Bounds, EncodeError
from gristmill.verifiers.code.guest.candidate import splitting
from gristmill.verifiers.code.guest.candidate.plain_form import NotPlainError, plain

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["drive", "drive_all"]

_DRIVE = "drive"


def drive(context: JobContext) -> None:
    """Load the solution, run one case, send one message: `Value`, `Raised`, `Unencodable` or `LoadError`.

    The request is ``{"source", "drive", "case", "bounds"}``. A case that runs out of memory sends nothing.
    """
    open_standard_names()
    _drive(context, context.request["case"])


def drive_all(context: JobContext) -> None:
    """Do that for each of ``request["cases"]`` in turn; solution and `drive` are loaded anew, into an empty folder."""
    open_standard_names()
    folder = os.getcwd()
    for case in context.request["cases"]:
        _drive(context, case)
        os.chdir(folder)
        empty(folder)


def _drive(context: JobContext, case: dict[str, Any]) -> None:
    request = context.request
    try:
        solution = load(request["source"])
    except BaseException as error:
        context.send_bytes(encode_answer(LoadError(*describe(error))))
        if isinstance(error, MemoryError):
            raise
        return
    try:
        value = _driven(request["drive"], solution, case)
    except MemoryError:
        raise
    except BaseException as error:
        context.send_bytes(encode_answer(_raised(error)))
        return
    context.send_bytes(_message(value, Bounds(*request["bounds"])))


def _driven(source: str, solution: Any, case: dict[str, Any]) -> Any:
    sys.modules["gristmill_reports"] = splitting
    splitting.begin()
    module = load(source, _DRIVE)
    value = module.drive(solution, case)
    return asyncio.run(_awaited(value)) if inspect.iscoroutine(value) else value


async def _awaited(value: Any) -> Any:
    return await value


def _message(value: Any, bounds: Bounds) -> bytes:
    try:
        return encode_answer(Value(plain(value)), bounds)
    except (NotPlainError, EncodeError) as error:
        return encode_answer(Unencodable(str(error)))
    except MemoryError:
        raise
    except BaseException:
        # Reading a hostile value may run its methods, and those of its class.
        return encode_answer(Unencodable("`drive` returned a value that cannot be read"))


def _raised(error: BaseException) -> Raised:
    """The error, with the line of `drive` that it came through."""
    kind, message, line = describe(error)
    _, _, at = describe(error, f"<{_DRIVE}>")
    return Raised(kind, message if at is None else f"{message} (line {at} of `drive`)", line)
