"""The forked child of a job: confines itself, then runs the job's program. Staged: guest modules only."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

from gristmill.sandbox.guest.confine import Plan, confine
from gristmill.sandbox.guest.context import Context

__all__ = ["NOT_CONFINED", "OUT_OF_MEMORY", "be_child"]

# Exit statuses with a meaning to the zygote. A candidate that takes one by itself harms only itself.
OUT_OF_MEMORY: Final = 86
NOT_CONFINED: Final = 87


def be_child(
    program: Callable[[Context], int | None],
    plan: Plan,
    limits: dict[str, Any],
    folder: str,
    user: int,
    descriptors: list[int],
    say_confined: int,
) -> NoReturn:
    """Become the job; never returns."""
    status = NOT_CONFINED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _prefer_to_die()
        os.setsid()
        channel, standard, others = descriptors[0], descriptors[1:4], descriptors[4:]
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
        confine(plan, limits, folder, user)
        os.write(say_confined, b"+")
        _close_all_but({0, 1, 2, channel, *others})
        sys.modules["__main__"] = types.ModuleType("__main__")
        gc.enable()
        status = 1
        context = Context(
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


def _prefer_to_die() -> None:
    """When memory runs out, the kernel shall take this process rather than the zygote or one of the host's."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(descriptor, b"1000")
    except OSError:
        return
    finally:
        os.close(descriptor)


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
        with suppress(BaseException):
            stream.flush()  # type: ignore[union-attr]  # None's error is suppressed as well
