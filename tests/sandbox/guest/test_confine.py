"""Each layer of a job's confinement holds by itself, with the others taken away."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox.guest.confinement import confine, kernel, landlock, seccomp
from gristmill.sandbox.guest.confinement.cleaning import empty
from gristmill.sandbox.guest.confinement.confine import Walls

LIMITS = {"wall_seconds": 10, "cpu_seconds": 10, "memory_mb": 256, "processes": 8, "output_kb": 64, "disk_mb": 1}
USER = 300_000_000

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="switching users needs root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in (tmp_path, *tmp_path.parents):
        if each == Path("/tmp"):
            break
        each.chmod(0o755)
    own = tmp_path / "own"
    own.mkdir()
    os.chown(own, USER, USER)
    return own


def walls(**changes: Any) -> Walls:
    base = Walls("uid", 0, [], None, None, 1 << 40, 1 << 40, False)
    return base._replace(**changes)


def inside(folder: Path, layers: Walls, action: Callable[[], Any], limits: dict[str, Any] | None = None) -> Any:
    """What `action` returns in a child that has confined itself with these layers only."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            confine.confine(layers, str(folder), USER, 1)
            confine.set_limits(layers, limits or LIMITS)
            answer = {"value": action()}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = json.loads(pipe.read() or b'{"error": "it was killed"}')
    os.waitpid(pid, 0)
    assert "error" not in answer, answer["error"]
    return answer["value"]


def outcome(action: Callable[[], Any]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


@root_only
def test_the_user_alone_keeps_other_files_and_processes_safe(folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    parent = os.getpid()

    def attempts() -> dict[str, Any]:
        capabilities = [line for line in Path("/proc/thread-self/status").read_text().splitlines() if "Cap" in line]
        return {
            "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
            "held": [line for line in capabilities if line.split(":")[0] != "CapBnd" and int(line.split()[1], 16)],
            "secret": outcome(secret.read_text),
            "beside": outcome(lambda: (folder.parent / "new").write_text("x")),
            "own": outcome(lambda: Path("own").write_text("x")),
            "signal": outcome(lambda: os.kill(parent, 0)),
            "environ": outcome(lambda: Path(f"/proc/{parent}/environ").read_bytes()),
            "back": outcome(lambda: os.setresuid(0, 0, 0)),
            "privileges": Path("/proc/thread-self/status").read_text().split("NoNewPrivs:")[1].split()[0],
        }

    answers = inside(folder, walls(), attempts)
    assert answers == {
        "ids": [[USER] * 3, [USER] * 3, []],
        "held": [],
        "secret": "EACCES",
        "beside": "EACCES",
        "own": "done",
        "signal": "EPERM",
        "environ": "EACCES",
        "back": "EPERM",
        "privileges": "1",
    }


@root_only
@pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
def test_landlock_alone_leaves_only_what_is_granted(folder: Path) -> None:
    readable = folder.parent / "readable"
    readable.mkdir()
    (readable / "file").write_text("x")
    (readable / "file").chmod(0o666)
    other = folder.parent / "other"
    other.write_text("x")
    other.chmod(0o666)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0gristmill-test-{os.getpid()}")
    abstract.listen()
    sibling = subprocess.Popen(["sleep", "60"], user=USER)

    def connect(family: int, address: Any) -> None:
        with socket.socket(family) as mine:
            mine.connect(address)

    def attempts() -> dict[str, str]:
        return {
            "read": outcome((readable / "file").read_text),
            "write": outcome(lambda: (readable / "file").write_text("y")),
            "other": outcome(other.read_text),
            "passwd": outcome(lambda: Path("/etc/passwd").read_text()),
            "proc": outcome(lambda: Path("/proc/self/status").read_text()),
            "list": outcome(lambda: os.listdir("/")),
            "own": outcome(lambda: Path("own").write_text("x")),
            "null": outcome(lambda: Path("/dev/null").write_text("x")),
            "random": outcome(lambda: Path("/dev/urandom").open("rb").read(1)),
            "tcp": outcome(lambda: connect(socket.AF_INET, listener.getsockname())),
            "abstract": outcome(lambda: connect(socket.AF_UNIX, abstract.getsockname())),
            "signal": outcome(lambda: os.kill(sibling.pid, signal.SIGCONT)),
        }

    granted = [(os.open(readable, os.O_PATH), landlock.READ), *confine.open_devices()]
    try:
        answers = inside(folder, walls(landlock=landlock.abi(), granted=granted), attempts)
    finally:
        sibling.kill()
        sibling.wait()
        for each in (listener, abstract):
            each.close()
        for descriptor, _ in granted:
            os.close(descriptor)
    allowed = {name for name, answer in answers.items() if answer == "done"}
    expected = {"read", "own", "null", "random"}
    if landlock.abi() < 6:
        expected |= {"abstract", "signal"}
    if landlock.abi() < 4:
        expected.add("tcp")
    assert allowed == expected, answers


@root_only
@pytest.mark.skipif(not seccomp.supported(), reason="no numbers for this processor")
def test_seccomp_alone_refuses_what_is_not_listed(folder: Path) -> None:
    def attempts() -> dict[str, str]:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long

        def call(number: int, *arguments: int) -> str:
            done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(each) for each in arguments])
            return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]

        clone = seccomp.number("clone") or 0
        return {
            "socket": outcome(lambda: socket.socket(socket.AF_INET).close()),
            "vsock": outcome(lambda: socket.socket(40).close()),
            "unix": outcome(lambda: socket.socket(socket.AF_UNIX).close()),
            "datagram pair": outcome(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
            "exec": outcome(lambda: os.execv(sys.executable, ["x"])),
            "memfd": outcome(lambda: os.memfd_create("x")),
            "namespace": call(clone, 0x10000000 | 17, 0, 0, 0, 0),
            "parent": call(clone, 0x8000 | 17, 0, 0, 0, 0),
            "clone3": call(435, 0, 0),
            "future": call(5000),
            "io_uring": call(425, 1, 0),
            "limits of others": call(seccomp.number("prlimit64") or 0, 1, 7, 0, 0),
            "dumpable": call(seccomp.number("prctl") or 0, 4, 1, 0, 0, 0),
            "pair": outcome(lambda: socket.socketpair()),
            "fork": outcome(lambda: os.waitpid(os.fork() or os._exit(0), 0)),
            "file": outcome(lambda: Path("own").write_text("x")),
        }

    answers = inside(folder, walls(filtering=kernel.filtering(seccomp.assemble())), attempts)
    allowed = {name for name, answer in answers.items() if answer == "done"}
    assert allowed == {"fork", "file"}, answers
    assert answers["clone3"] == answers["future"] == "ENOSYS"
    assert {answers[name] for name in set(answers) - allowed - {"clone3", "future"}} == {"EPERM"}


@root_only
@pytest.mark.parametrize("limit", ["processes", "file", "memory", "open files"])
def test_the_kernels_limits_are_set(folder: Path, limit: str) -> None:
    def attempts() -> str:
        if limit == "file":
            return outcome(lambda: Path("own").write_bytes(bytes(2 << 20)))
        if limit == "open files":
            return outcome(lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(2000)])
        if limit == "memory":
            # More than a process that has run other tests may have free in its heap, which no limit counts again.
            try:
                return str(len(bytearray(8 << 30)))
            except MemoryError:
                return "MemoryError"
        return outcome(lambda: [_fork_and_wait() for _ in range(20)])

    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if line.startswith(("VmSize", "VmData"))}
    layers = walls(count_processes=True, address_space=sizes["VmSize"], data=sizes["VmData"])
    expected = {"processes": "EAGAIN", "file": "EFBIG", "memory": "MemoryError", "open files": "EMFILE"}
    assert inside(folder, layers, attempts, LIMITS | {"memory_mb": 128}) == expected[limit]


def _fork_and_wait() -> int:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(1)
        signal.pause()
        os._exit(0)
    return pid


def run_filter(program: bytes, audit: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel's little machine answers; written from its definition, not from the assembler."""
    code: list[tuple[int, int, int, int]] = [
        struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)
    ]
    data = struct.pack("=IIQ6Q", number, audit, 0, *(*arguments, *(0,) * (6 - len(arguments))))
    place, value = 0, 0
    while True:
        kind, true, false, constant = code[place]
        place += 1
        if kind == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif kind == 0x54:
            value &= constant
        elif kind == 0x05:
            place += constant
        elif kind in (0x15, 0x35, 0x45):
            holds = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[kind]
            place += true if holds else false
        else:
            assert kind == 0x06
            return constant


# call → arguments that are let through, and such that are not
BY_ARGUMENT: dict[str, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {
    "flock": ([], [(3, 2), (3, 5)]),
    "mknod": ([(0, 0x11B6), (0, 0x1000)], [(0, 0x21B6), (0, 0x61B6), (0, 0xC1B6), (0, 0x81B6), (0, 0x1B6)]),
    "mknodat": ([(0, 0, 0x11B6)], [(0, 0, 0x21B6), (0, 0x1000, 0x6000)]),
    "clone": ([(17,), (0x3D0F00,)], [(0x10000011,), (0x8011,), (0x1011,)]),
    "clone3": ([], [()]),
    "prctl": ([(15,), (1,)], [(4,), (22,), (40,)]),
    "ioctl": ([(0, 0x5401)], [(0, 0x5412)]),
    "prlimit64": ([(0,)], [(1,)]),
    "preadv2": ([(3, 0, 1, 0, 0, 0)], [(3, 0, 1, 0, 0, 8), (3, 0, 1, 0, 0, 0x80)]),
    "madvise": ([(0, 1, 4), (0, 1, 8), (0, 1, 14)], [(0, 1, 20), (0, 1, 21), (0, 1, 12), (0, 1, 9)]),
    "fcntl": ([(3, 1), (3, 4), (3, 6), (3, 1030)], [(3, 5), (3, 36), (3, 1024), (3, 1026), (3, 1031)]),
    "clock_gettime": ([(0,), (11,)], [(0xFFFFFFFE,), (0xFFFFFFFFFFFFFFF2,)]),
    "getsockopt": ([(3, 1, 3), (3, 1, 39)], [(3, 1, 57), (3, 1, 77), (3, 1, 17), (3, 6, 3)]),
    "futex": (
        [(0, 0), (0, 9), (0, 128), (0, 129), (0, 0x189), (0, 0x100)],
        [(0, 1), (0, 3), (0, 5), (0, 10), (0, 0x101)],
    ),
}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_looks_at_arguments(machine: str) -> None:
    program, audit = seccomp.assemble(machine), seccomp.ARCHITECTURES[machine].audit
    for name, (through, refused) in BY_ARGUMENT.items():
        number = seccomp.number(name, machine)
        if number is None:
            continue
        for arguments in through:
            assert run_filter(program, audit, number, arguments) == 0x7FFF0000, (name, arguments)
        for arguments in refused:
            assert run_filter(program, audit, number, arguments) >> 16 == 0x5, (name, arguments)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_exactly_the_list(machine: str) -> None:
    program, audit = seccomp.assemble(machine), seccomp.ARCHITECTURES[machine].audit
    allowed = {call for name in seccomp.ALLOWED if (call := seccomp.number(name, machine)) is not None}
    by_argument = {seccomp.number(name, machine) for name in BY_ARGUMENT}
    for number in set(range(1000)) - by_argument:
        answer = run_filter(program, audit, number)
        if number in allowed:
            assert answer == 0x7FFF0000, number
        else:
            assert answer in (0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS), number
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[machine]
    assert run_filter(program, seccomp.ARCHITECTURES[other].audit, 0) == 0x80000000
    # i386 by int 0x80, and x32
    assert run_filter(program, 0x40000003, 4) == 0x80000000
    if machine == "x86_64":
        assert run_filter(program, audit, 0x40000001) == 0x80000000


@pytest.mark.skipif(platform.machine() != "x86_64", reason="compares with this machine's headers")
def test_the_numbers_are_the_kernels() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    numbers = dict(line.split()[1:3] for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
    for name in (*seccomp.ALLOWED, *BY_ARGUMENT):
        assert int(numbers[f"__NR_{name}"]) == seccomp.number(name, "x86_64"), name


def test_cleaning_empties_what_was_made_to_be_hard(tmp_path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(tmp_path)
        for _ in range(1500):
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
        Path("file").write_text("x")
    finally:
        os.fchdir(here)
        os.close(here)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (tmp_path / "link").symlink_to(outside)
    for name in ("1", "2", "3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").mkdir()
    (tmp_path / "3").chmod(0)
    assert empty(str(tmp_path), seconds=60)
    assert list(tmp_path.iterdir()) == []
    assert (outside / "kept").exists()
