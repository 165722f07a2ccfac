"""The few calls of the C library that Python does not offer; each raises where the kernel refuses.

Against a wall that only seems to stand: a refused call raises (the bounding set alone goes as far as it may), and
what confines is prepared before the fork, so that a child has nothing left to do but to call it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple

__all__ = [
    "DROP_CAPABILITIES",
    "DUMPABLE",
    "KEEP_ZYGOTES_CAPABILITIES",
    "NEW_IPC",
    "NEW_MOUNTS",
    "NEW_PIDS",
    "NEW_USERS",
    "NEW_UTS",
    "NOT_DUMPABLE",
    "NO_NEW_PRIVILEGES",
    "PreparedCall",
    "call",
    "drop_bounding_set",
    "filtering",
    "fork",
    "join",
    "later",
    "mount_tmpfs",
    "prctl",
    "sleeper",
    "unmount",
    "unshare",
]

NEW_MOUNTS: Final = 0x00020000
NEW_UTS: Final = 0x04000000
NEW_IPC: Final = 0x08000000
NEW_USERS: Final = 0x10000000
NEW_PIDS: Final = 0x20000000

_libc: Any = ctypes.CDLL(None, use_errno=True)
# Through this one Python keeps its own lock, which a forked child then holds as well.
_holding_lock: Any = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_MNT_DETACH = 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITY_HEADER: Final = ctypes.c_uint32 * 2
_CAPABILITY_SETS: Final = ctypes.c_uint32 * 6


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


class PreparedCall(NamedTuple):
    """A call whose arguments are made before the fork, and which is made after it.

    Making a few numbers for `ctypes` in a fresh child touches a hundred pages, each of which is copied then: that is
    five times what the call costs itself.
    """

    function: Callable[..., int]
    arguments: tuple[Any, ...]
    what: str

    def __call__(self) -> None:
        """Make it.

        Raises:
            OSError: it failed.
        """
        if self.function(*self.arguments) < 0:
            _checked(-1, self.what)


def call(number: int, *arguments: Any) -> int:
    """A system call by its number.

    Raises:
        OSError: it failed.
    """
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), f"system call {number}")


def later(number: int, *arguments: Any) -> PreparedCall:
    """A system call by its number, to be made later."""
    return PreparedCall(_libc.syscall, (ctypes.c_long(number), *arguments), f"system call {number}")


def prctl(option: int, *arguments: int) -> None:
    """The call prctl(2); up to four numbers, the rest are 0.

    Raises:
        OSError: it failed.
    """
    _prctl(option, *arguments)()


def filtering(program: bytes) -> PreparedCall:
    """What puts a seccomp filter on this thread and all that come from it. No new privileges must be set before."""
    holder = _Program(len(program) // 8, program)
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    return PreparedCall(_libc.prctl, (_PR_SET_SECCOMP, mode, ctypes.byref(holder), zero, zero), "seccomp filter")


def _prctl(option: int, *arguments: int) -> PreparedCall:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return PreparedCall(_libc.prctl, (option, *map(ctypes.c_ulong, padded)), f"prctl {option}")


DUMPABLE: Final = _prctl(_PR_SET_DUMPABLE, 1)
NOT_DUMPABLE: Final = _prctl(_PR_SET_DUMPABLE, 0)
NO_NEW_PRIVILEGES: Final = _prctl(_PR_SET_NO_NEW_PRIVS, 1)
# Give up every capability for good.
DROP_CAPABILITIES: Final = (
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL),
    PreparedCall(_libc.capset, (_CAPABILITY_HEADER(_CAPABILITY_VERSION_3, 0), _CAPABILITY_SETS()), "capset"),
)


# KILL, SETGID, SETUID and SYS_ADMIN, effective and permitted.
_ZYGOTES: Final = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 21
KEEP_ZYGOTES_CAPABILITIES: Final = PreparedCall(
    _libc.capset, (_CAPABILITY_HEADER(_CAPABILITY_VERSION_3, 0), _CAPABILITY_SETS(_ZYGOTES, _ZYGOTES)), "capset"
)


def fork() -> int:
    """As `os.fork`, for a process with one thread: without the handlers that libraries have registered for it.

    Those reseed `random` and make new locks for threads; in a child of one thread they do nothing else, and they touch
    so many pages, each of which is copied then, that they are half of what a fork costs. The caller reseeds `random`.

    Raises:
        OSError: no process could be made.
    """
    return _checked(_holding_lock.fork(), "fork")


# Only one sleeps at a time; its stack is never written to again by anybody else.
_sleepers_stack: Final = ctypes.create_string_buffer(1 << 16)
_CLONE_VM, _CLONE_FS, _CLONE_FILES, _SIGCHLD = 0x100, 0x200, 0x400, 17
_SLEEPER: Final = (
    ctypes.cast(_libc.pause, ctypes.c_void_p),
    ctypes.c_void_p((ctypes.addressof(_sleepers_stack) + (1 << 16) - 256) & ~0xFF),
    ctypes.c_int(_CLONE_VM | _CLONE_FS | _CLONE_FILES | _SIGCHLD),
    None,
)


def sleeper() -> int:
    """Make a process that shares all with this one and sleeps until it is killed; its signals must be blocked before.

    Raises:
        OSError: no process could be made.
    """
    return _checked(_libc.clone(*_SLEEPER), "clone")


def drop_bounding_set() -> None:
    """No program that is started from here on can bring capabilities along, where we may say so."""
    zero = ctypes.c_ulong(0)
    for capability in range(64):
        # Fails at the last one, or at once without the right to shrink the set, which gives nothing back but by exec.
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), zero, zero, zero) < 0:
            break


def unshare(flags: int) -> None:
    """Move this process (for pids: its next children) into new namespaces."""
    _checked(_libc.unshare(flags), "unshare")


def join(descriptor: int, kind: int) -> None:
    """Move into the namespace of a descriptor."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount_tmpfs(path: str, options: str, *, private_first: bool = False, executable: bool = False) -> None:
    """Mount a fresh tmpfs; `private_first` cuts all mounts off from the namespace that this one was copied from."""
    if private_first:
        _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "mount --make-rprivate")
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | (0 if executable else _MS_NOEXEC))
    _checked(_libc.mount(b"tmpfs", path.encode(), b"tmpfs", flags, options.encode()), f"mount tmpfs on {path}")


def unmount(path: str) -> None:
    """Take a mount away, at once for whoever looks, and for good when nobody uses it any more."""
    _checked(_libc.umount2(path.encode(), _MNT_DETACH), f"unmount {path}")
