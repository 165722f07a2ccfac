"""What a forked child does to itself before it reads its first byte: gives up everything that a job does not need.

In order: its user, looks into it (not dumpable), limits, capabilities, new privileges, files (Landlock), system calls
(seccomp). Against a job that begins half confined: any failure ends the child before it. Two ways to be nobody: in
mode ``uid`` the zygote may switch users and each job gets one of its own; in mode ``namespace`` only one user is
mapped, and each job gets fresh user, pid, mount and IPC namespaces.
"""

from __future__ import annotations

import math
import os
import resource
from typing import Any, Final, NamedTuple

from gristmill.sandbox.guest.confinement import kernel, landlock, seccomp
from gristmill.sandbox.guest.confinement.kernel import PreparedCall

__all__ = ["WORK", "Walls", "confine", "disk_options", "open_devices", "open_folders", "prepare", "set_limits"]

WORK: Final = "/tmp"  # noqa: S108  # the sandbox's own tmpfs
_PR_SET_DUMPABLE: Final = 4
_MEGABYTE: Final = 1 << 20
# Reserved but unused address space: allocator arenas, guard pages, mapped libraries that a job imports.
_ADDRESS_SLACK: Final = 512 * _MEGABYTE
_RUNTIME_SLACK: Final = (1 << 40, 256 * _MEGABYTE)
# The same for every job: kind → most.
_ALWAYS: Final = (
    (resource.RLIMIT_NOFILE, 256),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_MEMLOCK, 0),
    (resource.RLIMIT_MSGQUEUE, 0),
    (resource.RLIMIT_NICE, 0),
    (resource.RLIMIT_RTPRIO, 0),
    (resource.RLIMIT_SIGPENDING, 512),
)
# Where folders of data are mounted, if a worker has any: the host's `gristmill.sandbox.records.DATA`.
_DATA: Final = "/work"
_HIDDEN: Final = frozenset(("dev", "gristmill", "proc", "run", "sys", "tmp", "work", "control"))
# Where an image has the programs of a language, and the loader that starts them.
_LANGUAGE_FOLDERS: Final = ("/usr", "/lib", "/lib64", "/opt")
_DEVICES: Final = {
    "null": landlock.READ_WRITE_DEVICE,
    "zero": landlock.READ,
    "full": landlock.READ_WRITE_DEVICE,
    "random": landlock.READ,
    "urandom": landlock.READ,
}


class Walls(NamedTuple):
    """What every child of a zygote needs to confine itself, made once.

    `granted` are descriptors of the paths that jobs may read, with Landlock's rights. In mode ``uid`` every job is put
    under the same ruleset (`restriction`), which grants the work folder too: of the folders in it only the job's own
    exists, and what is beside that belongs to root. `filtering` puts the seccomp filter up and is None where the
    processor is unknown; `address_space` and `data` are the zygote's own sizes in bytes, which limits go on top of.
    `own_namespaces`: each job has a pid namespace and a file system of its own, whatever the mode.
    """

    mode: str
    landlock: int
    granted: list[tuple[int, int]]
    restriction: PreparedCall | None
    filtering: PreparedCall | None
    address_space: int
    data: int
    count_processes: bool
    own_namespaces: bool = False
    programs: str = ""


def prepare(mode: str, *, settled: bool = False, programs: str = "") -> Walls:
    """The walls for this zygote, after its libraries are loaded."""
    sizes = dict(line.split(":", 1) for line in _text("/proc/self/status").splitlines())
    release = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in os.uname().release.split(".")[:2])
    version, granted = landlock.abi(), open_folders(programs) + open_devices()
    restriction = None
    if version and mode == "uid":
        work = os.open(WORK, os.O_PATH | os.O_CLOEXEC)
        restriction = landlock.restriction(landlock.ruleset(version, [*granted, (work, own_rights(programs))]))
        os.close(work)
    return Walls(
        mode,
        version,
        granted,
        restriction,
        kernel.filtering(seccomp.assemble(programs=programs)) if seccomp.supported() else None,
        _kilobytes(sizes["VmSize"]),
        _kilobytes(sizes["VmData"]),
        # Before 5.14 the limit counted all of a real user's processes, whatever namespace they were in.
        mode == "uid" or release >= (5, 14),
        settled or mode == "namespace",
        programs,
    )


def own_rights(programs: str) -> int:
    """What a job may do in its own folder."""
    return landlock.WORK | (landlock.EXECUTE if programs else 0)


def open_folders(programs: str = "") -> list[tuple[int, int]]:
    """The folders that hold Python and its libraries: everything at the root but what changes or tells.

    Where jobs may start programs, they find them in those folders that a language's own are in, and not in Python's.
    """
    names = [f"/{name}" for name in sorted(os.listdir("/")) if name not in _HIDDEN]
    mounted = [_DATA] if os.path.isdir(_DATA) and os.listdir(_DATA) else []
    folders = [path for path in (*names, *mounted, "/gristmill/lib") if os.path.isdir(path)]
    started = _LANGUAGE_FOLDERS if programs else ()
    return [
        (os.open(path, os.O_PATH | os.O_CLOEXEC), landlock.READ | (landlock.EXECUTE if path in started else 0))
        for path in folders
    ]


def open_devices() -> list[tuple[int, int]]:
    """The harmless devices."""
    present = [(f"/dev/{name}", rights) for name, rights in _DEVICES.items() if os.path.exists(f"/dev/{name}")]
    return [(os.open(path, os.O_PATH | os.O_CLOEXEC), rights & ~(1 << 3)) for path, rights in present]


def confine(walls: Walls, folder: str, user: int, disk_mb: int) -> None:
    """Confine this process. `folder` becomes its working directory and the only place that it can write to.

    What differs from job to job comes with `set_limits`; only in mode ``namespace`` is `disk_mb` used here.

    Raises:
        OSError: some layer could not be put up; the caller must not go on.
    """
    if walls.mode == "namespace":
        _enter_namespaces(disk_mb, folder, executable=bool(walls.programs))
    else:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kernel.NOT_DUMPABLE()
    os.umask(0o077)
    os.chdir(folder)
    if walls.mode == "namespace":
        # That of a new user namespace is whole again.
        kernel.drop_bounding_set()
    for drop in kernel.DROP_CAPABILITIES:
        drop()
    for kind, value in _ALWAYS:
        _lower(kind, value)
    kernel.NO_NEW_PRIVILEGES()
    if walls.restriction is not None:
        walls.restriction()
    elif walls.landlock:
        # The folder is on a file system of this job's own, so no ruleset can name it beforehand.
        own = os.open(".", os.O_PATH | os.O_CLOEXEC)
        landlock.restriction(landlock.ruleset(walls.landlock, [*walls.granted, (own, own_rights(walls.programs))]))()
        os.close(own)
    if walls.filtering is not None:
        walls.filtering()


def _enter_namespaces(disk_mb: int, folder: str, *, executable: bool) -> None:
    """Become the only user of new namespaces; the zygote has put this process into a new pid namespace."""
    outside_user, outside_group = os.geteuid(), os.getegid()
    # Otherwise the maps below belong to root, who is nobody here.
    kernel.prctl(_PR_SET_DUMPABLE, 1)
    kernel.unshare(kernel.NEW_USERS | kernel.NEW_MOUNTS | kernel.NEW_IPC | kernel.NEW_UTS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"1000 {outside_group} 1")
    _write("/proc/self/uid_map", f"1000 {outside_user} 1")
    kernel.mount_tmpfs(WORK, f"{disk_options(disk_mb)},mode=0700", private_first=True, executable=executable)
    os.mkdir(folder)
    # Last, since the maps above are written through it: what tells of processes outside.
    kernel.mount_tmpfs("/proc", "size=4096,nr_inodes=2,mode=0555")


def disk_options(disk_mb: int) -> str:
    """How large a job's own file system is, for mounting it."""
    return f"size={disk_mb * _MEGABYTE},nr_inodes={16 + 256 * disk_mb}"


def set_limits(walls: Walls, limits: dict[str, Any]) -> None:
    """Lower this process's limits, for good, to those of its job; it has no capability any more."""
    memory = limits["memory_mb"] * _MEGABYTE
    # A runtime reserves far more than it uses, and has a dozen threads with stacks; what it uses is watched as well.
    reserved, data = _RUNTIME_SLACK if walls.programs == "runtime" else (_ADDRESS_SLACK, 0)
    _lower(resource.RLIMIT_AS, walls.address_space + memory + reserved)
    _lower(resource.RLIMIT_DATA, walls.data + memory + data)
    _lower(resource.RLIMIT_FSIZE, limits["disk_mb"] * _MEGABYTE)
    if walls.count_processes:
        _lower(resource.RLIMIT_NPROC, limits["processes"])
    # The signal of the first says why; the second is for those who ignore it.
    processor = math.ceil(limits["cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))


def _lower(kind: int, value: int) -> None:
    """Set a limit for good; where it is lower already, it stays."""
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, PermissionError):
        most = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most, most))


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _kilobytes(text: str) -> int:
    return int(text.split()[0]) * 1024
