"""Landlock: a job reaches the files that were granted, no TCP, and no signal or abstract socket out of its own domain.

Against reading the machine and reaching other processes: a ruleset names every right that the kernel knows, so what
is not granted is refused, and no later call widens it. See the kernel's Documentation/userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
from typing import Final

from gristmill.sandbox.guest.confinement.kernel import PreparedCall, call, later

__all__ = ["EXECUTE", "READ", "READ_WRITE_DEVICE", "WORK", "abi", "restriction", "ruleset"]

EXECUTE: Final = 1 << 0
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE, _MAKE_DIR, _MAKE_FILE, _MAKE_FIFO, _MAKE_LINK = 1 << 4 | 1 << 5, 1 << 7, 1 << 8, 1 << 10, 1 << 12
_REFER, _TRUNCATE = 1 << 13, 1 << 14

READ: Final = _READ_FILE | _READ_DIR
READ_WRITE_DEVICE: Final = _READ_FILE | _WRITE_FILE | _TRUNCATE
WORK: Final = READ | READ_WRITE_DEVICE | _REMOVE | _MAKE_DIR | _MAKE_FILE | _MAKE_FIFO | _MAKE_LINK | _REFER
# How many of the file rights each version knows; a ruleset names them all, so that what is not granted is refused.
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock in this kernel; 0 if there is none. 4 covers TCP, 6 signals and abstract sockets."""
    try:
        return call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


def ruleset(version: int, granted: list[tuple[int, int]]) -> int:
    """The descriptor of a ruleset that grants the given (descriptor of a path, rights) pairs and nothing else.

    Raises:
        OSError: the kernel refused.
    """
    all_rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = _Ruleset(all_rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    new_ruleset = call(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    for descriptor, rights in granted:
        rule = _Beneath(rights & all_rights, descriptor)
        call(_ADD, ctypes.c_int(new_ruleset), ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0))
    return new_ruleset


def restriction(descriptor: int) -> PreparedCall:
    """What confines this process to a ruleset, for good. No new privileges must be set before."""
    return later(_RESTRICT, ctypes.c_int(descriptor), ctypes.c_uint32(0))
