"""The first process of a job's pid namespace: it collects orphans, and all of the job ends when it is killed.

Against a namespace in which the job itself comes first: the kernel keeps a first process from its own signals, so a
job that raises SIGTERM, aborts or lets an alarm ring would go on, where plain execution ends. Job and first process are
both children of the zygote, which reads from the kernel how the job ended; there is no line between the two.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import os
import signal
from contextlib import suppress
from typing import Final, NoReturn

from gristmill.sandbox.guest.confinement import kernel

__all__ = ["JOB", "end_namespace", "open_namespace"]

# The number of a job's own process in its namespace.
JOB: Final = 2
# Plain numbers: sets of enumerations touch pages, each of which is copied in a fresh child.
_ALL_SIGNALS: Final = frozenset(map(int, signal.valid_signals()))
_CHILD: Final = (int(signal.SIGCHLD),)


def open_namespace() -> int:
    """Begin a pid namespace for this process's next children, and return the number of its first process.

    Raises:
        OSError: none can be made here.
    """
    kernel.unshare(kernel.NEW_PIDS)
    pid = kernel.fork()
    if pid == 0:
        _be_first()
    return pid


def end_namespace(first: int) -> None:
    """Kill all in the namespace, and collect its first process; whoever else is this process's child there comes before.

    Nothing happens where it has ended already, or where there is none (0).
    """
    if first:
        with suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(first, 0)


def _be_first() -> NoReturn:
    """Collect whatever is left to this process, until it is killed. It keeps no descriptor and no capability."""
    try:
        # No handler runs here, and no signal of the job's does anything: the kernel delivers none to a first process
        # that it has not asked for.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL_SIGNALS)
        for drop in kernel.DROP_CAPABILITIES:
            drop()
        os.closerange(0, 1 << 16)
        while True:
            _signal.sigwait(_CHILD)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    finally:
        os._exit(1)
