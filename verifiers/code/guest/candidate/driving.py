"""Runs a driven test's `drive` beside the candidate, and sends what it returns.

Nothing here is defended: `drive` shares the process with the candidate, which may patch it, read it, forge the message
or send nothing. So neither `judge` nor an expected value is ever in this process, one case is all that it serves, and
the message is a claim that the judge reads elsewhere. Against a candidate that looks for what it should have returned:
there is nothing to find but the case's `given`, and the text of `drive`.

`drive_several` saves the start of a job for each case: its own process never holds a case nor runs a line of the
candidate's, and forks one for each case, which reads that case itself. Against one that stays behind, or leaves a file
for the next one: nothing goes on where a process is left, and the folder is emptied. What it may still do is end the
job, and then each case gets a job of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from gristmill.sandbox.guest.candidate import describe, load
from gristmill.sandbox.guest.confinement.cleaning import empty
from gristmill.sandbox.guest.standard_names import open_standard_names
from gristmill.sandbox.wire.answers import LoadError, Raised, Unencodable, Value, encode_answer
from gristmill.sandbox.wire.values import DEEP, Bounds, EncodeError, decode
from gristmill.verifiers.code.guest.candidate.plain_form import NotPlainError, plain

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["drive", "drive_several"]

_DRIVE = "drive"


def drive(context: JobContext) -> None:
    """Load the solution, run one case, send one message: `Value`, `Raised`, `Unencodable` or `LoadError`.

    The request is ``{"source", "drive", "case", "bounds"}``. A case that runs out of memory sends nothing.
    """
    _drive(context, context.request["case"])


def drive_several(context: JobContext) -> int:
    """Run ``request["count"]`` cases one after another, each in a process of its own that sends what `drive` does.

    Cases come on stdin, each with its length before it (four bytes, big-endian). The exit status is 1, and nothing more
    is run, as soon as a process ends badly or leaves another one behind.
    """
    for _ in range(context.request["count"]):
        pid = os.fork()
        if pid == 0:
            _be_one_case(context)
        _, status = os.waitpid(pid, 0)
        if status or _somebody_is_left() or not empty("."):
            return 1
    return 0


def _be_one_case(context: JobContext) -> NoReturn:
    status = 1
    try:
        case = decode(_read(int.from_bytes(_read(4), "big")), DEEP)
        # The cases of others come from there.
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        _drive(context, case)
        status = 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:  # noqa: SIM105  # the stream is the candidate's, and so is what it raises
                stream.flush()
            except BaseException:  # noqa: S110
                pass
        os._exit(status)


def _read(size: int) -> bytes:
    """So many bytes of stdin, and none beyond them."""
    data = b""
    while len(data) < size:
        if not (more := os.read(0, size - len(data))):
            raise EOFError
        data += more
    return data


def _somebody_is_left() -> bool:
    """Whether there was any process of this job but this one; it is killed then."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _drive(context: JobContext, case: dict[str, Any]) -> None:
    request = context.request
    open_standard_names()
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
