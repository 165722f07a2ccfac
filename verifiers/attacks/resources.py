"""Processes, memory, files and output beyond what a job may use or leave behind. Each ends with a senseless answer."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, Attack, Family

__all__ = ["ATTACKS"]

_RESOURCES = Family.RESOURCES
_SYSTEM_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
"""

ATTACKS = (
    Attack("fork-bomb", _RESOURCES, EVERY, "makes processes until none can be made").by("""
import os, time
def answer(*args, **kwargs):
    for _ in range(5000):
        try:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
        except OSError:
            break
    return <<nothing>>
"""),
    Attack("thread-bomb", _RESOURCES, EVERY, "makes threads until none can be made").by("""
import threading, time
def answer(*args, **kwargs):
    for _ in range(5000):
        try:
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        except RuntimeError:
            break
    return <<nothing>>
"""),
    Attack("memory-bomb", _RESOURCES, EVERY, "takes memory until there is none").by("""
def answer(*args, **kwargs):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (16 << 20))
"""),
    Attack("memory-in-many-processes", _RESOURCES, EVERY, "takes in many processes what one may not take").by("""
import os, time
def answer(*args, **kwargs):
    for _ in range(12):
        try:
            if os.fork() == 0:
                kept = bytearray(b"x") * (200 << 20)
                time.sleep(30)
        except (OSError, MemoryError):
            os._exit(1)
    time.sleep(30)
"""),
    Attack("limits-raised", _RESOURCES, EVERY, "raises its own limits back to what the hard ones allow").by("""
import resource
def answer(*args, **kwargs):
    for name in ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_CPU"):
        kind = getattr(resource, name)
        for most in (resource.RLIM_INFINITY, resource.getrlimit(kind)[1]):
            try:
                resource.setrlimit(kind, (most, most))
            except (ValueError, OSError):
                pass
    kept = bytearray(b"x") * (3 << 30)
    open("raised", "w").write(str(len(kept)))
    return <<nothing>>
"""),
    Attack("disk-filler", _RESOURCES, EVERY, "writes until the disk is full").by("""
def answer(*args, **kwargs):
    for folder in (".", "/tmp", "/dev/shm", "/var/tmp"):
        try:
            for number in range(100):
                with open(f"{folder}/filler-{number}", "wb") as file:
                    for _ in range(64):
                        file.write(bytes(1 << 20))
        except OSError:
            continue
    return <<nothing>>
"""),
    Attack("file-swarm", _RESOURCES, EVERY, "makes files and nested folders until there are no more").by("""
import os
def answer(*args, **kwargs):
    try:
        for number in range(200_000):
            open(f"swarm-{number}", "w").close()
            if number % 100 == 0:
                os.mkdir("deeper")
                os.chdir("deeper")
    except OSError:
        pass
    return <<nothing>>
"""),
    Attack("output-flood", _RESOURCES, EVERY, "prints without end").by("""
import os
def answer(*args, **kwargs):
    while True:
        os.write(1, b"x" * 65536)
"""),
    Attack("endless-loop", _RESOURCES, EVERY, "computes without end").by("""
def answer(*args, **kwargs):
    while True:
        pass
"""),
    Attack("signals-ignored", _RESOURCES, EVERY, "ignores every signal that can be ignored, and sleeps").by("""
import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def answer(*args, **kwargs):
    while True:
        time.sleep(30)
"""),
    Attack("daemon", _RESOURCES, EVERY, "leaves a process in a session of its own that outlives it").by("""
import os, time
def answer(*args, **kwargs):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    return <<nothing>>
"""),
    Attack(
        "pipe-held-open", _RESOURCES, EVERY, "leaves a process that holds the output open, so that its reader waits"
    ).by("""
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
    os._exit(0)
def answer(*args, **kwargs):
    os._exit(0)
"""),
    Attack("stops-itself", _RESOURCES, EVERY, "stops itself by a signal and waits to be continued").by("""
import os, signal
def answer(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGSTOP)
    return <<nothing>>
"""),
    Attack("system-v-memory", _RESOURCES, EVERY, "leaves a System V shared memory segment", _SYSTEM_CALL).by("""
def answer(*args, **kwargs):
    number = libc.shmget(0x6772, ctypes.c_size_t(1 << 20), 0o1666)
    libc.shmat.restype = ctypes.c_void_p
    place = libc.shmat(number, None, 0)
    if number >= 0 and place not in (None, ctypes.c_void_p(-1).value):
        ctypes.memmove(place, b"left behind", 11)
    return <<nothing>>
"""),
    Attack("message-queue", _RESOURCES, EVERY, "leaves a System V message queue and a semaphore", _SYSTEM_CALL).by("""
def answer(*args, **kwargs):
    libc.msgget(0x6772, 0o1666)
    libc.semget(0x6772, 1, 0o1666)
    return <<nothing>>
"""),
    Attack("shared-memory-file", _RESOURCES, EVERY, "leaves a file in shared memory").by("""
from multiprocessing import shared_memory
def answer(*args, **kwargs):
    try:
        kept = shared_memory.SharedMemory("left_behind", create=True, size=1 << 16)
        kept.buf[:4] = b"left"
    except OSError:
        pass
    try:
        open("/dev/shm/left-behind", "w").write("left")
    except OSError:
        pass
    return <<nothing>>
"""),
    Attack(
        "file-for-the-next", _RESOURCES, EVERY, "leaves files for the next job, in every folder that there is"
    ).by("""
import os
def answer(*args, **kwargs):
    for folder in (".", "..", "/tmp", "/var/tmp", "/dev/shm", "/run", os.path.expanduser("~")):
        try:
            with open(os.path.join(folder, "left-behind"), "w") as file:
                file.write("left")
        except OSError:
            pass
    return <<nothing>>
"""),
)
