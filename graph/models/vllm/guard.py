"""Run a program and end it, with everything that it started, when whoever asked for it is gone.

    python guard.py COMMAND ARGUMENT…

The asker holds the other end of this program's standard input. When that closes (the asker left it, ended, or was
killed with -9) the command's session is asked to end and, ten seconds later, killed; so are descendants that had left
it. The guard exits with the command's status. It imports the standard library only and stands in a process of its own,
because a process that is killed can clean nothing up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["main"]

_GRACE_SECONDS = 10.0
_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Run `command` until it ends or standard input closes; its exit status, as a shell would tell it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the asker, who then closes the pipe
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_restore_signals)
    ended = os.pidfd_open(child.pid)
    asker = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([ended, asker], [], [])
        if ended in ready or (asker in ready and not os.read(asker, 4096)):
            break
    _end(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _restore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    asked: set[int] = set()
    while time.monotonic() < deadline and (child.poll() is None or _children()):
        _reap(child)
        for process in _children() if child.poll() is not None else ():
            if process not in asked:  # an orphan that had left the session, and so was not asked with the others
                asked.add(process)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    while left := _children():  # orphans come to us, the subreaper, generation after generation
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)
        _reap(child)
    child.wait()


def _children() -> list[int]:
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(part) for part in own.read_text().split()]


def _reap(child: subprocess.Popen[bytes]) -> None:
    for process in _children():
        if process == child.pid:
            child.poll()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
