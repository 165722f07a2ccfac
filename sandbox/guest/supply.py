"""The pipes and socket pairs of a job, made for it before it begins: as many for every job, and none can be made later.

Each new pipe or socket takes the next number of a counter of the whole kernel, which fstat(2) shows. Against a job
that writes what it has learned into that counter for a later one to read: after this, nothing that a job does moves it.
"""

from __future__ import annotations

import _socket
import errno
import os
import socket
import sys
from typing import Final

__all__ = ["DESCRIPTORS", "install", "lend_pair", "stock"]

_PIPES: Final = 4
_PAIRS: Final = 4
# Lent out again and again, as each event loop of asyncio wants a pair to wake itself with; at most as many at once.
_LOOPS: Final = 2
DESCRIPTORS: Final = 2 * (_PIPES + _PAIRS + _LOOPS)
_TYPE: Final = 0xF

_pipes: list[tuple[int, int]] = []
_pairs: list[tuple[int, int]] = []
_loops: list[tuple[int, int]] = []
_lent: list[tuple[socket.socket, socket.socket] | None] = [None] * _LOOPS


def stock() -> list[int]:
    """Make what this job will have, before the calls that it takes are refused; returns the descriptors."""
    _pipes.extend(os.pipe2(os.O_CLOEXEC) for _ in range(_PIPES))
    for number in range(_PAIRS + _LOOPS):
        near, far = _socket.socketpair()
        (_loops if number < _LOOPS else _pairs).append((near.detach(), far.detach()))
    return [descriptor for pair in (*_pipes, *_pairs, *_loops) for descriptor in pair]


def install() -> None:
    """Hand out of the stock from now on where Python would make pipes and pairs."""
    os.pipe, os.pipe2, socket.socketpair = _pipe, _pipe2, _socketpair


def lend_pair() -> tuple[socket.socket, socket.socket] | None:
    """A pair that comes back when its ends are closed, emptied; None while all are lent out."""
    for number, ends in enumerate(_loops):
        last = _lent[number]
        if last is None or (last[0].fileno() < 0 and last[1].fileno() < 0):
            for end in ends:
                _drain(end)
            near, far = (socket.socket(fileno=os.dup(end)) for end in ends)
            _lent[number] = near, far
            return near, far
    return None


def _drain(end: int) -> None:
    with socket.socket(fileno=os.dup(end)) as own:
        try:
            while own.recv(4096, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass


def _pipe() -> tuple[int, int]:
    return _pipe2(os.O_CLOEXEC)


def _pipe2(flags: int, /) -> tuple[int, int]:
    if not _pipes:
        raise OSError(errno.EMFILE, f"a sandboxed job has {_PIPES} pipes")
    ends = _pipes.pop(0)
    for end in ends:
        os.set_inheritable(end, not flags & os.O_CLOEXEC)
        os.set_blocking(end, not flags & os.O_NONBLOCK)
    return ends


def _socketpair(
    family: int | None = None, type: int = socket.SOCK_STREAM, proto: int = 0
) -> tuple[socket.socket, socket.socket]:
    if family not in (None, socket.AF_UNIX) or type & _TYPE != socket.SOCK_STREAM:
        raise OSError(errno.EPERM, "a sandboxed job has pairs of stream sockets only")
    if _asked_by_a_loop() and (lent := lend_pair()) is not None:
        return lent
    if not _pairs:
        raise OSError(errno.EMFILE, f"a sandboxed job has {_PAIRS} pairs of sockets")
    near, far = (socket.socket(fileno=end) for end in _pairs.pop(0))
    for end in (near, far):
        end.setblocking(not type & socket.SOCK_NONBLOCK)
    return near, far


def _asked_by_a_loop() -> bool:
    return bool(sys._getframe(2).f_globals.get("__name__") == "asyncio.selector_events")
