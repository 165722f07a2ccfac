"""The forked child of a job: nothing of a job is read, and no line of it run, before the child is confined for good.

Against what escapes while it is set up: whatever fails ends the child, and at the end it leaves without the
interpreter's own exit, which would run what the candidate has left there. Confinement is most of what a job costs, so
it is done while nobody waits.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import gc
import marshal
import os
import select
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

from gristmill.sandbox.guest import supply
from gristmill.sandbox.guest.confinement.confine import Walls, confine, set_limits
from gristmill.sandbox.guest.context import JobContext
from gristmill.sandbox.guest.rehearsal import rehearse

__all__ = [
    "ANCILLARY_BYTES",
    "MESSAGE_BYTES",
    "NOT_CONFINED",
    "OUT_OF_MEMORY",
    "Ancillary",
    "be_child",
    "descriptors_in",
]

# Exit statuses with a meaning to the zygote. A candidate that takes one by itself harms only itself.
OUT_OF_MEMORY: Final = 86
NOT_CONFINED: Final = 87
MESSAGE_BYTES: Final = 1 << 12
Ancillary = list[tuple[int, int, bytes]]
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(64 * 4)


def be_child(
    walls: Walls,
    folder: str,
    user: int,
    disk_mb: int,
    line: int,
    say_confined: int,
) -> NoReturn:
    """Confine this process, wait on `line` for a job, run it. Never returns.

    The job comes as one message, the host's own; nothing else is ever read from there. A child that finds none yet
    uses the time to rehearse.
    """
    status = NOT_CONFINED
    try:
        signal.set_wakeup_fd(-1)
        # `signal.signal` makes enumerations of it, which touches seventy pages.
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        # A shell starts what runs in its background with interrupts ignored, and children inherit that.
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        os.setsid()
        supplied = supply.stock()
        confine(walls, folder, user, disk_mb)
        os.write(say_confined, b"+")
        _close_all_but({0, 1, 2, line, *supplied})
        supply.install(folder)
        sys.modules["__main__"] = types.ModuleType("__main__")
        program, limits, channel, others = _await_job(line)
        set_limits(walls, limits)
        gc.enable()
        status = 1
        context = JobContext(
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, channel),
            [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, other) for other in others],
            limits,
        )
        result = program(context)
        status = result & 0xFF if type(result) is int else 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except SystemExit as leaving:
        status = leaving.code & 0xFF if type(leaving.code) is int else 0 if leaving.code is None else 1
    except BaseException:
        _show()
    finally:
        # Not an exit: the interpreter's end would run what the candidate has left there.
        _flush()
        os._exit(status)


def descriptors_in(ancillary: Ancillary) -> list[int]:
    """What came with a message: [channel, stdin, stdout, stderr, *sockets] with a job's."""
    return memoryview(ancillary[0][2]).cast("i").tolist()


def _await_job(line: int) -> tuple[Callable[[JobContext], int | None], dict[str, Any], int, list[int]]:
    """(program, limits, channel, other sockets) of the job; its streams are in place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, line) as control:
        if not select.select([line], [], [], 0)[0]:
            rehearse()
        data, ancillary, _, _ = control.recvmsg(MESSAGE_BYTES, ANCILLARY_BYTES)
    if not data:
        # The zygote wants this child no more.
        os._exit(0)
    # Only the zygote can write there.
    message = marshal.loads(data)  # noqa: S302
    descriptors = descriptors_in(ancillary)
    for number, descriptor in enumerate(descriptors[1:4]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    module, _, name = message["program"].partition(":")
    return getattr(sys.modules[module], name), message["limits"], descriptors[0], descriptors[4:]


def _close_all_but(kept: set[int]) -> None:
    start = 0
    for descriptor in sorted(kept):
        # closerange takes an empty range that begins at 0 for everything.
        if start < descriptor:
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 1 << 16)


def _show() -> None:
    with suppress(BaseException):
        traceback.print_exc()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:  # noqa: SIM105  # `suppress` takes longer than all else at a child's end
            stream.flush()  # type: ignore[union-attr]  # None's error is caught as well
        except BaseException:  # noqa: S110
            pass
