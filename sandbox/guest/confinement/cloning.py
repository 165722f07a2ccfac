"""The template: a process that has imported everything, meets no candidate, and is forked into workers that do.

Each of those settles in user, pid and mount namespaces of its own, serves what it is for, and is thrown away. Against
one worker's job that meets the next one's: the template runs nothing of any job and reads nothing of a worker's, and
before it forks again, and when it is told to, it kills all that came of the last one. So there is one clone at a time.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import Final

from gristmill.sandbox.guest.confinement import kernel

__all__ = ["serve_clones"]

_MESSAGE_BYTES: Final = 16
_DESCRIPTOR_BYTES: Final = socket.CMSG_SPACE(4)


def serve_clones(control: socket.socket) -> socket.socket:
    """Fork a clone for every control socket that the host sends; a message without one only ends the last clone.

    Returns in clones only, with the control socket of that clone. This process ends when the host hangs up.

    Raises:
        RuntimeError: this is not the first process of a pid namespace, so not all of a clone could be killed.
        OSError: no process could be made.
    """
    if os.getpid() != 1:
        raise RuntimeError("a template must be process 1 of a pid namespace of its own")
    while True:
        data, ancillary, _, _ = control.recvmsg(_MESSAGE_BYTES, _DESCRIPTOR_BYTES)
        _end_all()
        if not data:
            os._exit(0)
        if not ancillary:
            continue
        (own,) = memoryview(ancillary[0][2]).cast("i")
        if kernel.fork() == 0:
            control.close()
            return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, own)
        os.close(own)


def _end_all() -> None:
    """Kill and collect all other processes here: with its first one, each pid namespace within ends."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.wait()
