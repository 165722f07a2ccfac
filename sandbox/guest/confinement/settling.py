"""A zygote that is root of its container moves into user, pid and mount namespaces of its own, where that is allowed.

There it may give each job a fresh pid namespace and a fresh file system, which it may not outside. Against a job that
counts processes or files up, or looks names up in /proc, for a later job to see. It also takes a right away: the zygote
is root in there only, and an ordinary user of the container.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from gristmill.sandbox.guest.confinement import kernel
from gristmill.sandbox.guest.confinement.confine import WORK
from gristmill.sandbox.guest.confinement.users import largest_range

__all__ = ["hide_the_machine", "settle"]

_MAPPED, _SETTLED = b"m", b"s"
# Only mount points lie there; each job's folder is a file system of its own.
_WORK_OPTIONS: Final = "size=1m,nr_inodes=64,mode=0755"
_TELLING: Final = ("/proc", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm")  # noqa: S108  # covered, not used
_EMPTY: Final = "size=4096,nr_inodes=2,mode=0555"


def settle(control: socket.socket) -> bool:
    """Go on as the first process of namespaces of its own; True there, False here if that cannot be had.

    In between stands nobody: the process that called stays behind only to be waited for, and ends with the zygote.
    """
    near, far = socket.socketpair()
    if (child := kernel.fork()) == 0:
        near.close()
        return _settle_child(far)
    far.close()
    with near:
        if near.recv(1) and _map_users(child):
            near.send(_MAPPED)
            if near.recv(1) == _SETTLED:
                control.close()
                _wait_to_the_end()
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
    return False


def hide_the_machine() -> None:
    """Cover what tells of the machine, once all that is needed of it is open: looking a name up there counts, too."""
    for path in _TELLING:
        if os.path.isdir(path):
            kernel.mount_tmpfs(path, _EMPTY)


def _settle_child(line: socket.socket) -> bool:
    """True in a grandchild, the new zygote; this process ends."""
    status = 1
    try:
        kernel.unshare(kernel.NEW_USERS | kernel.NEW_PIDS | kernel.NEW_MOUNTS)
        line.send(b"u")
        if line.recv(1) == _MAPPED:
            status = 0
            if kernel.fork() == 0:
                status = 1
                os.setgroups([])
                os.setresgid(0, 0, 0)
                os.setresuid(0, 0, 0)
                # Switching users has taken it away, and without it all in /proc/self is another's.
                kernel.DUMPABLE()
                kernel.drop_bounding_set()
                kernel.mount_tmpfs(WORK, _WORK_OPTIONS, private_first=True)
                kernel.KEEP_ZYGOTES_CAPABILITIES()
                line.send(_SETTLED)
                line.close()
                return True
    except OSError:
        pass
    os._exit(status)


def _map_users(child: int) -> bool:
    """Give the child's namespace users: one as its root, the rest of the range for jobs."""
    (first, count), (first_group, groups) = largest_range("uid_map"), largest_range("gid_map")
    first, end = max(first, first_group), min(first + count, first_group + groups)
    if end - first < 2:
        return False
    text = f"0 {first} 1\n{first + 1} {first + 1} {end - first - 1}\n".encode()
    try:
        for name in ("gid_map", "uid_map"):
            descriptor = os.open(f"/proc/{child}/{name}", os.O_WRONLY)
            try:
                os.write(descriptor, text)
            finally:
                os.close(descriptor)
    except OSError:
        return False
    return True


def _wait_to_the_end() -> None:
    """Be the first process of the outer namespace: wait for all there is, and leave."""
    status = 1
    while True:
        try:
            status = os.waitstatus_to_exitcode(os.wait()[1])
        except ChildProcessError:
            os._exit(status if 0 <= status < 256 else 1)
