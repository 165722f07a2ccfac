"""The process that is forked for every job: process 1 of its pid namespace, with the libraries imported.

It is run as a file (``python -I …/zygote.py --connect PATH`` or ``--fd N``) and speaks over a SEQPACKET socket: first
the host's profile and its own answer, then ``{"start": n, "program": …, "limits": …}`` with the descriptors
[channel, stdin, stdout, stderr, *sockets], ``{"kill": n}``, and its ``{"ended": n, …}``. All is JSON but what comes
from the host later on: that is marshalled, since JSON would touch fifty pages more, here and in the child, each of
which is copied beside a fork. The host reads only JSON. The zygote never reads a payload: what a job is asked travels
over the job's own channel, to a child that is confined by then. One job at a time; when it ends, everything but this
process is killed, so nothing of it is left. When the host hangs up, all ends. A *template* runs no job: it is forked
into zygotes (`confinement/cloning.py`), each of which is greeted anew on a socket of its own.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, "/gristmill/lib")
    sys.dont_write_bytecode = True
    # One thread here, or children would inherit locks that nobody holds.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMEXPR_NUM_THREADS="1")

import gc
import importlib
import json
import socket
import traceback
from typing import Any, Final

from gristmill.sandbox.guest import probing
from gristmill.sandbox.guest.child_cycle import Zygote
from gristmill.sandbox.guest.confinement import cloning, kernel, settling, users

__all__ = ["main"]

VERSION: Final = 5
# What candidates import again and again.
COMMON: Final = (
    "bisect cmath collections copy dataclasses datetime decimal enum fractions functools heapq itertools json math "
    "operator random re statistics string textwrap threading time traceback typing unicodedata inspect abc contextlib "
    "numbers array struct hashlib io queue types warnings"
).split()
_PR_SET_DUMPABLE: Final = 4


def _set_up(hello: dict[str, Any]) -> None:
    """Import what the worker's profile names. Raises whatever an import raises."""
    for name in (*COMMON, "gristmill.sandbox.guest.candidate", "gristmill.sandbox.guest.canary"):
        importlib.import_module(name)
    if "asyncio" in hello["preload"]:
        # It does without TLS where there is none, as for jobs: they have no sockets, and each fork copies its library.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # this is how an import is refused
        importlib.import_module("asyncio")
        del sys.modules["ssl"]
    for name in hello["preload"]:
        importlib.import_module(name)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    # torch asks for it while it loads, when there is no job's folder yet.
    if (tempfile := sys.modules.get("tempfile")) is not None:
        tempfile.tempdir = None  # type: ignore[attr-defined]  # one of that module
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError(f"something of {', '.join(hello['preload'])} goes on in a thread, and none may be here")
    one_thread = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    os.environ.clear()
    # Libraries that a job loads by itself look here, beside Python's own copy: with a thread for each of many cores,
    # they would meet the limit on processes.
    for name in one_thread:
        os.putenv(name, "1")
    sys.argv[:] = ["solution"]
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # text streams, all three
    gc.collect()
    gc.disable()
    gc.freeze()


def _hello(control: socket.socket) -> dict[str, Any]:
    """The host's first message."""
    hello: dict[str, Any] = json.loads(control.recv(1 << 16))
    if hello.get("version") != VERSION:
        raise RuntimeError(f"the host speaks version {hello.get('version')} of the protocol, this is {VERSION}")
    return hello


def main(arguments: list[str]) -> int:
    """Connect, answer the host's first message, serve."""
    kernel.prctl(_PR_SET_DUMPABLE, 0)
    kernel.drop_bounding_set()
    os.umask(0)
    if arguments[0] == "--connect":
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.connect(arguments[1])
    else:
        control = socket.socket(fileno=int(arguments[1]))
        os.set_inheritable(control.fileno(), False)
    try:
        hello = _hello(control)
        if template := hello["template"]:
            _set_up(hello)
            control.send(json.dumps({"ready": True, "covers": [], "gaps": []}).encode())
            control = cloning.serve_clones(control)
            hello = _hello(control)
        settled = hello["mode"] == "uid" and settling.settle(control)
        if os.getpid() != 1:
            raise RuntimeError("not process 1 of a pid namespace of its own, so nothing could be killed safely")
        users.guard_work_folder(hello["mode"])
        if not template:
            _set_up(hello)
        zygote = Zygote(control, hello["mode"], settled=settled, programs=hello["programs"], ahead=not template)
        kernel.NOT_DUMPABLE()
        covers, gaps = probing.probe(zygote.walls, zygote.users)
        if settled:
            settling.hide_the_machine()
    except BaseException:
        error = traceback.format_exc()[-4000:]
        control.send(json.dumps({"ready": False, "error": error}).encode())
        return 1
    control.send(json.dumps({"ready": True, "covers": covers, "gaps": gaps}).encode())
    zygote.serve()
    return 0


if __name__ == "__main__":
    # Not an exit: to take the interpreter apart takes as long as a few jobs, and everything goes with the process.
    os._exit(main(sys.argv[1:]))
