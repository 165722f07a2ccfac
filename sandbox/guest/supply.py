"""What a job has instead of calls that would move, or show, what the kernel counts for all jobs together.

Each new pipe or socket takes the next number of a counter of the whole kernel, which fstat(2) shows. Against a job that
writes what it has learned into that counter for a later one to read, or into a lock on a file of the image, or reads
the machine's free space: pipes are FIFOs in the job's own file system, which numbers them itself; pairs of sockets are
made before the job begins, as many for every job; free space is counted from the job's own files; `fcntl.flock` takes
a kind of lock that needs the right to write. The calls themselves are refused (`confinement/seccomp.py`).
"""

from __future__ import annotations

import _socket
import _thread
import errno
import fcntl
import os
import resource
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any, Final

__all__ = ["DESCRIPTORS", "install", "lend_pair", "stock"]

_PAIRS: Final = 10
DESCRIPTORS: Final = 2 * _PAIRS
_TYPE: Final = 0xF
_BLOCK: Final = 4096
_FILES_PER_MEGABYTE: Final = 256

Ends = tuple[int, int]
Pair = tuple[socket.socket, socket.socket]

_pairs: list[Ends] = []
# Lent out again and again, as each event loop of asyncio wants a pair to wake itself with.
_loops: list[tuple[Ends, Pair]] = []
_lending = _thread.allocate_lock()
_folder = ""
_locked: dict[tuple[int, int], int] = {}


def stock() -> list[int]:
    """Make the pairs that this job will have, before the call for it is refused; returns the descriptors."""
    for _ in range(_PAIRS):
        near, far = _socket.socketpair()
        _pairs.append((near.detach(), far.detach()))
    return [descriptor for pair in _pairs for descriptor in pair]


def install(folder: str) -> None:
    """Put what a job has in the place of what Python calls otherwise. `folder` is the job's own, by its full name."""
    global _folder
    _folder = folder
    os.pipe, os.pipe2, os.statvfs, os.fstatvfs = _pipe, _pipe2, _statvfs, _statvfs
    socket.socketpair = _socketpair
    fcntl.flock = _flock
    os.register_at_fork(before=_lending.acquire, after_in_parent=_in_parent, after_in_child=_in_child)


def lend_pair() -> Pair | None:
    """A pair that comes back when its ends are closed, emptied; None while all are lent out."""
    with _lending:
        for number, (ends, last) in enumerate(_loops):
            if last[0].fileno() < 0 and last[1].fileno() < 0:
                for end in ends:
                    _drain(end)
                _loops[number] = ends, _again(ends)
                return _loops[number][1]
        if not _pairs:
            return None
        ends = _pairs.pop()
        _loops.append((ends, _again(ends)))
        return _loops[-1][1]


def _again(ends: Ends) -> Pair:
    near, far = (socket.socket(fileno=os.dup(end)) for end in ends)
    return near, far


def _drain(end: int) -> None:
    with socket.socket(fileno=os.dup(end)) as own:
        try:
            while own.recv(4096, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass


def _in_parent() -> None:
    """A process of the job has the last pair for itself from now on, or both would read from the same."""
    if _pairs:
        for end in _pairs.pop():
            os.close(end)
    _lending.release()


def _in_child() -> None:
    # What stays open here would keep others from seeing its end.
    for pair in (*_pairs[:-1], *(ends for ends, _ in _loops)):
        for end in pair:
            os.close(end)
    del _pairs[:-1], _loops[:]
    _lending.release()


def _socketpair(family: int | None = None, type: int = socket.SOCK_STREAM, proto: int = 0) -> Pair:
    if family not in (None, socket.AF_UNIX) or type & _TYPE != socket.SOCK_STREAM:
        raise OSError(errno.EPERM, "a sandboxed job has pairs of stream sockets only")
    if _asked_by_a_loop() and (lent := lend_pair()) is not None:
        return lent
    with _lending:
        if not _pairs:
            raise OSError(errno.EMFILE, f"a sandboxed job has {_PAIRS} pairs of sockets")
        near, far = (socket.socket(fileno=end) for end in _pairs.pop(0))
    for end in (near, far):
        end.setblocking(not type & socket.SOCK_NONBLOCK)
    return near, far


def _asked_by_a_loop() -> bool:
    return bool(sys._getframe(2).f_globals.get("__name__") == "asyncio.selector_events")


def _pipe() -> Ends:
    return _pipe2(os.O_CLOEXEC)


def _pipe2(flags: int, /) -> Ends:
    path = f"{_folder}/.pipe-{os.urandom(8).hex()}"
    os.mkfifo(path, 0o600)
    try:
        # Without waiting for the other end, which comes next.
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            writing = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            os.close(reading)
            raise
    finally:
        os.unlink(path)
    for end in (reading, writing):
        os.set_blocking(end, not flags & os.O_NONBLOCK)
        if not flags & os.O_CLOEXEC:
            os.set_inheritable(end, True)
    return reading, writing


def _statvfs(path: Any) -> os.statvfs_result:
    """What the job's own file system has room for, whatever was asked about."""
    os.stat(path)
    # The limit on one file is that on all together.
    size = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    used = files = 0
    for folder, _, names in os.walk(_folder):
        for name in (".", *names):
            with suppress(OSError):
                used += os.lstat(os.path.join(folder, name)).st_blocks * 512
                files += 1
    most = size // (1 << 20) * _FILES_PER_MEGABYTE
    free, left = max(0, size - used) // _BLOCK, max(0, most - files)
    return os.statvfs_result((_BLOCK, _BLOCK, size // _BLOCK, free, free, most, left, left, 0, 255))


def _flock(fd: Any, operation: int, /) -> None:
    """As `fcntl.flock`, by a lock of the open file that only who may write can keep others from."""
    number = fd if isinstance(fd, int) else fd.fileno()
    kinds = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}
    if (kind := kinds.get(operation & ~fcntl.LOCK_NB)) is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    waits = kind != fcntl.F_UNLCK and not operation & fcntl.LOCK_NB
    request = struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
    state = os.fstat(number)
    key = state.st_dev, state.st_ino
    if kind == fcntl.F_UNLCK and _locked.get(key) == number:
        del _locked[key]
    try:
        fcntl.fcntl(number, fcntl.F_OFD_SETLKW if waits else fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        # Open for the other way only. Nobody but this job has the file, so its own list will do.
        while _held_by_another(key, number):
            if not waits:
                raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK)) from None
            time.sleep(0.001)
        _locked[key] = number


def _held_by_another(key: tuple[int, int], number: int) -> bool:
    holder = _locked.get(key, number)
    try:
        state = os.fstat(holder)
    except OSError:
        return False
    return holder != number and (state.st_dev, state.st_ino) == key
