"""Trying the walls: a child confines itself as a job would, attempts what jobs may not do, and tells what held.

Against a kernel or an engine on which a wall silently does not stand: a worker reports as covered only what was tried
in it, and the rest as gaps.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gristmill.sandbox.guest.confinement import first, kernel
from gristmill.sandbox.guest.confinement.confine import WORK, Walls, confine, set_limits
from gristmill.sandbox.guest.confinement.users import Users, new_folder

__all__ = ["probe"]

_LIMITS: Final = {"wall_seconds": 10, "cpu_seconds": 10, "memory_mb": 64, "processes": 4, "output_kb": 64, "disk_mb": 1}


def probe(walls: Walls, users: Users) -> tuple[list[str], list[str]]:
    """(covers, gaps) of this worker, in words; each cover was seen to hold.

    Raises:
        OSError: a child could not confine itself here.
    """
    user, folder = users.next(), new_folder()
    users.make_folder(folder, user, 1)
    own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    first_process = first.open_namespace() if walls.own_namespaces else 0
    reading, writing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _attempt_all(walls, folder, user, writing)
    os.close(writing)
    if walls.own_namespaces:
        kernel.join(own_pids, kernel.NEW_PIDS)
    os.close(own_pids)
    with os.fdopen(reading, "rb") as pipe:
        outcomes = json.loads(pipe.read() or b'{"error": "it died"}')
    os.waitpid(pid, 0)
    first.end_namespace(first_process)
    users.remove_folder(folder, user)
    if "error" in outcomes:
        raise OSError(f"a job cannot be confined here: {outcomes['error']}")
    return _words(walls, outcomes)


def _words(walls: Walls, held: dict[str, bool]) -> tuple[list[str], list[str]]:
    covers: list[str] = []
    gaps: list[str] = []
    identity = "a user of its own" if walls.mode == "uid" else "user, pid, mount and IPC namespaces of its own"
    programs = "no new programs"
    if walls.programs:
        programs = f"new programs only of {'its language' if walls.landlock else 'the image'} and of its own folder"
    claims = [
        ("identity", f"each job: {identity}, no capability", "jobs keep capabilities"),
        ("zygote", "each job: cannot signal or look into the zygote", "a job can signal the zygote"),
        ("elsewhere", "each job: writes only in its own folder", "a job can write outside its own folder"),
        ("sockets", f"each job: seccomp allowlist: no sockets, {programs}", "no seccomp: system calls are open"),
        ("shared", "each job: no System V or POSIX shared memory", "System V shared memory can outlive a job"),
    ]
    for key, cover, gap in claims:
        (covers if held[key] else gaps).append(cover if held[key] else gap)
    version = walls.landlock
    if version:
        scoped = ", signals and abstract sockets scoped" if version >= 6 else ""
        network = ", no TCP" if version >= 4 else ""
        covers.append(f"each job: Landlock {version}: files outside the image and its own folder{network}{scoped}")
    else:
        among = "" if walls.own_namespaces else ", /proc among them"
        gaps.append(f"no Landlock in this kernel: files that every user may read are readable{among}")
    if 0 < version < 6:
        gaps.append(f"Landlock {version} does not scope signals and abstract sockets (6 does)")
    if walls.own_namespaces:
        covers.append("each job: pid namespace and file system of its own, numbered from the beginning")
    else:
        gaps.append("no namespaces of a job's own: a later one may count an earlier one's processes and files")
    if not walls.count_processes:
        gaps.append("this kernel counts processes of all namespaces together, so their number is only watched")
    covers.append("each job: limits on wall and processor time, memory, processes, output, disk; killed whole")
    return covers, gaps


def _attempt_all(walls: Walls, folder: str, user: int, writing: int) -> None:
    outcomes: dict[str, Any] = {}
    try:
        confine(walls, folder, user, 1)
        set_limits(walls, _LIMITS)
        outcomes = {
            "identity": _refused(lambda: os.setresuid(0, 0, 0)) and _refused(lambda: os.chroot("/")),
            "zygote": _zygote_is_out_of_reach(walls),
            "elsewhere": all(_refused(partial(_create, path)) for path in _elsewhere(walls)),
            "sockets": _refused(lambda: socket.socket(socket.AF_UNIX).close()) and _cannot_start(walls),
            "shared": _refused(_share),
        }
    except BaseException as error:
        outcomes = {"error": f"{type(error).__name__}: {error}"}
    finally:
        os.write(writing, json.dumps(outcomes).encode())
        os._exit(0)


def _refused(attempt: Callable[[], object], kind: type[OSError] = OSError) -> bool:
    try:
        attempt()
    except kind:
        return True
    except OSError:
        return False
    return False


def _zygote_is_out_of_reach(walls: Walls) -> bool:
    if walls.own_namespaces:
        return os.getpid() == first.JOB
    return _refused(lambda: os.kill(1, signal.SIGCONT)) and _refused(lambda: os.open("/proc/1/environ", os.O_RDONLY))


def _elsewhere(walls: Walls) -> tuple[str, ...]:
    # With a mount namespace of its own, all of the work folder is the job's.
    return ("/", "/dev", "/gristmill/lib", *((WORK,) if walls.mode == "uid" else ()))


def _create(folder: str) -> None:
    path = f"{folder}/written-by-a-job"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def _cannot_start(walls: Walls) -> bool:
    """Whether what a job may not start does not start: any program, or where it may start some, Python."""
    if walls.programs and not walls.landlock:
        return True
    path = sys.executable if walls.programs else "/bin/true"
    return _refused(partial(os.execv, path, ["none"]), PermissionError)


def _share() -> None:
    libc: Any = ctypes.CDLL(None, use_errno=True)
    shared = libc.shmget(0, ctypes.c_size_t(4096), 0o1600)
    if shared < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmctl(shared, 0, None)
