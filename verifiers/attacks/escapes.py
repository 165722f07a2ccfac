"""Reaching other processes, sockets, namespaces and secrets from inside a job. Each ends with a senseless answer."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, Attack, Family

__all__ = ["ATTACKS"]

_ESCAPES = Family.ESCAPES
_SYSTEM_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
"""

ATTACKS = (
    Attack("kills-the-parent", _ESCAPES, EVERY, "kills the process that started it").by("""
import os, signal
def answer(*args, **kwargs):
    os.kill(os.getppid(), signal.SIGKILL)
    return <<nothing>>
"""),
    Attack("stops-the-parent", _ESCAPES, EVERY, "stops the process that started it").by("""
import os, signal
def answer(*args, **kwargs):
    os.kill(os.getppid(), signal.SIGSTOP)
    return <<nothing>>
"""),
    Attack("kills-everything", _ESCAPES, EVERY, "kills every process that it may signal").by("""
import os, signal
def answer(*args, **kwargs):
    os.kill(-1, signal.SIGKILL)
    return <<nothing>>
"""),
    Attack("ptrace", _ESCAPES, EVERY, "attaches to other processes as a debugger", _SYSTEM_CALL).by("""
import os
def answer(*args, **kwargs):
    for pid in [os.getppid(), *range(1, 100)]:
        if pid != os.getpid() and libc.ptrace(0x4206, pid, None, None) == 0:
            open("seized", "w").write(str(pid))
    return <<nothing>>
"""),
    Attack("memory-of-others", _ESCAPES, EVERY, "reads the memory of other processes").by("""
import os
def answer(*args, **kwargs):
    for pid in [os.getppid(), *range(1, 100)]:
        try:
            for line in open(f"/proc/{pid}/maps"):
                if "[heap]" in line and pid != os.getpid():
                    start = int(line.split("-")[0], 16)
                    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                        memory.seek(start)
                        open("memory-of-others", "wb").write(memory.read(4096))
        except OSError:
            continue
    return <<nothing>>
"""),
    Attack("network", _ESCAPES, EVERY, "connects to whatever listens on this machine").by("""
import os, socket
def answer(*args, **kwargs):
    for port in (8765, 22, 80, 443, 2375, 5432, 6379, 8000, 8080):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).sendall(b"stolen")
        except OSError:
            pass
    return <<nothing>>
"""),
    Attack(
        "unix-socket", _ESCAPES, EVERY, "connects to sockets of this machine, the container engine's among them"
    ).by("""
import socket
def answer(*args, **kwargs):
    for address in ("\\0listening", "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket"):
        try:
            end = socket.socket(socket.AF_UNIX)
            end.settimeout(0.2)
            end.connect(address)
            end.sendall(b"stolen")
        except OSError:
            pass
    return <<nothing>>
"""),
    Attack("odd-socket-families", _ESCAPES, EVERY, "talks over vsock, netlink, packets and algorithms").by("""
import socket
def answer(*args, **kwargs):
    got = []
    for family, kind in ((40, 1), (16, 3), (17, 3), (38, 5), (2, 3)):
        try:
            got.append(socket.socket(family, kind).family)
        except OSError:
            pass
    if got:
        open("sockets", "w").write(str(got))
    return <<nothing>>
"""),
    Attack("io-uring", _ESCAPES, EVERY, "makes system calls by an io_uring, past filters on them", _SYSTEM_CALL).by("""
def answer(*args, **kwargs):
    parameters = ctypes.create_string_buffer(256)
    if libc.syscall(425, 4, parameters) >= 0:
        open("ring", "w").write("got one")
    return <<nothing>>
"""),
    Attack("new-namespaces", _ESCAPES, EVERY, "becomes root of a user namespace of its own", _SYSTEM_CALL).by("""
import os
def answer(*args, **kwargs):
    if libc.unshare(0x10000000) == 0:
        open("namespace", "w").write("root of " + os.readlink("/proc/self/ns/user"))
    return <<nothing>>
"""),
    Attack("keyring", _ESCAPES, EVERY, "leaves a key with the kernel for the next job", _SYSTEM_CALL).by("""
def answer(*args, **kwargs):
    if libc.syscall(248, b"user", b"left-behind", b"left", 4, -4) >= 0:
        open("key", "w").write("kept")
    return <<nothing>>
"""),
    Attack("file-without-a-name", _ESCAPES, EVERY, "keeps files in memory, where no folder shows them").by("""
import os
def answer(*args, **kwargs):
    got = 0
    try:
        for _ in range(50):
            os.write(os.memfd_create("hidden"), bytes(1 << 20))
            got += 1
    except OSError:
        pass
    if got:
        open("unnamed", "w").write(str(got))
    return <<nothing>>
"""),
    Attack("other-program", _ESCAPES, EVERY, "starts a shell and other programs").by("""
import os, subprocess
def answer(*args, **kwargs):
    for command in (["/bin/sh", "-c", "echo started > started"], ["sh", "-c", "id > started"]):
        try:
            subprocess.run(command, timeout=1)
        except (OSError, subprocess.SubprocessError):
            pass
    return <<nothing>>
"""),
    Attack("secrets-of-the-host", _ESCAPES, EVERY, "reads keys and passwords from files and the environment").by("""
import glob, os
def answer(*args, **kwargs):
    loot = [value for name, value in os.environ.items() if "KEY" in name or "TOKEN" in name]
    for pattern in ("/etc/shadow", "/root/.*", "/home/*/.*", "/run/secrets/*", "../secret", os.path.expanduser("~/.*")):
        for path in glob.glob(pattern):
            try:
                loot.append(open(path).read())
            except (OSError, ValueError):
                pass
    if loot:
        open("loot", "w").write(str(loot))
    return <<nothing>>
"""),
    Attack("link-in-place-of-output", _ESCAPES, EVERY, "puts links to secrets where its reader expects output").by("""
import os
def answer(*args, **kwargs):
    for name in ("output.txt", "result.json", "solution.py"):
        for secret in ("../secret", "/etc/shadow", "/proc/self/environ"):
            try:
                if os.path.exists(name):
                    os.unlink(name)
                os.symlink(secret, name)
                break
            except OSError:
                pass
    return <<nothing>>
"""),
)
