"""The process that is forked for every job: process 1 of its pid namespace, with the libraries imported.

It is run as a file (``python -I …/zygote.py --connect PATH`` or ``--fd N``) and speaks JSON over a SEQPACKET socket:
first the host's profile and its own answer, then ``{"start": n, "program": …, "limits": …}`` with the descriptors
[channel, stdin, stdout, stderr, *sockets], ``{"kill": n}``, and its ``{"ended": n, …}``. It never reads a payload:
what a job is asked travels over the job's own channel, to a child that is confined by then. One job at a time; when
it ends, everything but this process is killed, so nothing of it is left. When the host hangs up, all ends.
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
import resource
import select
import signal
import socket
import time
import traceback
from typing import Any, Final

from gristmill.sandbox.guest import kernel, probing, users
from gristmill.sandbox.guest.child import OUT_OF_MEMORY, be_child
from gristmill.sandbox.guest.confine import Plan, prepare
from gristmill.sandbox.guest.watching import OomCounter, Watch

__all__ = ["Zygote", "main"]

VERSION: Final = 1
# What candidates import again and again.
# fmt: off
COMMON: Final = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string",
    "textwrap", "threading", "time", "traceback", "typing", "unicodedata", "inspect", "abc", "contextlib",
    "numbers", "array", "struct", "hashlib", "io", "queue", "types", "warnings",
)
# fmt: on
_PR_SET_DUMPABLE: Final = 4
_WATCH_SECONDS: Final = 0.05
_REAP_SECONDS: Final = 10.0


class Job:
    """The job that is running: what it may use, and what is known of its end so far."""

    def __init__(self, message: dict[str, Any], plan: Plan, user: int) -> None:
        self.number = int(message["start"])
        self.limits: dict[str, Any] = message["limits"]
        self.user = user
        self.folder = users.folder_of(self.number)
        self.reason = ""
        self.note = ""
        self.status: int | None = None
        self.peak = 0
        self.begun = time.monotonic()
        self.deadline = self.begun + float(self.limits["wall_seconds"])
        self.watch_at = self.begun + _WATCH_SECONDS
        self.processor = _processor_seconds()
        self.watch = Watch(self.limits, self.folder if plan.mode == "uid" else None)
        self.pid = 0


class Zygote:
    """The state of one worker from its side: the control socket, the plan, and at most one job."""

    def __init__(self, control: socket.socket, mode: str) -> None:
        self.control = control
        self.mode = mode
        self.plan = prepare(mode)
        self.users = users.Users(mode)
        self.oom = OomCounter()
        self.job: Job | None = None
        # A child writes one byte when it is confined: without it, its end says nothing about the job.
        self.confined, self.say_confined = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if mode == "namespace" else -1
        self.resident = Watch.resident(os.getpid())
        self.wakeup, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def serve(self) -> None:
        """Run jobs until the host hangs up."""
        poll = select.poll()
        poll.register(self.control.fileno(), select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        while True:
            ready = dict(poll.poll(self._timeout()))
            if self.wakeup in ready:
                os.read(self.wakeup, 4096)
                self._reap()
            if self.control.fileno() in ready and not self._obey():
                return
            self._look()

    def _timeout(self) -> float | None:
        if self.job is None:
            return None
        return max(0.0, (min(self.job.deadline, self.job.watch_at) - time.monotonic()) * 1000 + 1)

    def _obey(self) -> bool:
        """Do what the host says; False when it has hung up."""
        data, descriptors, _, _ = socket.recv_fds(self.control, 1 << 16, 64)
        if not data:
            return False
        message = json.loads(data)
        if "start" in message:
            try:
                self._start(message, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        elif self.job is not None and message.get("kill") == self.job.number:
            self._end("failed", "killed by the host")
        return True

    def _start(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if self.job is not None:
            raise RuntimeError("a job was started while another one runs")
        job = Job(message, self.plan, self.users.next())
        try:
            module, _, name = message["program"].partition(":")
            program = getattr(importlib.import_module(module), name)
            if len(descriptors) < 4:
                raise RuntimeError("descriptors are missing")
            self.users.make_folder(job.folder, job.user)
            if self.mode == "namespace":
                kernel.unshare(kernel.NEW_PIDS)
            pid = os.fork()
            if pid == 0:
                be_child(program, self.plan, job.limits, job.folder, job.user, descriptors, self.say_confined)
            if self.mode == "namespace":
                kernel.join(self.own_pids, kernel.NEW_PIDS)
        except Exception as error:
            self._send({"ended": job.number, "error": f"{type(error).__name__}: {error}"[:1000], "clean": False})
            return
        job.pid = pid
        self.job = job

    def _look(self) -> None:
        """Hold the running job to its limits."""
        job = self.job
        if job is None:
            return
        now = time.monotonic()
        if now >= job.deadline:
            self._end("timeout", "")
        elif now >= job.watch_at:
            job.watch_at = now + _WATCH_SECONDS
            reason, note = job.watch.look(self.resident)
            if reason:
                self._end(reason, note)

    def _reap(self) -> None:
        """Collect processes that have ended; the end of a job's first one is the end of the job."""
        if self._collect() and self.job is not None and self.job.status is not None:
            self._end("", "")

    def _collect(self) -> bool:
        """Collect all that have ended. True if any did."""
        found = False
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return found
            if pid == 0:
                return found
            found = True
            if self.job is not None and pid == self.job.pid:
                self.job.status = os.waitstatus_to_exitcode(status)
                self.job.peak = used.ru_maxrss

    def _end(self, reason: str, note: str) -> None:
        """Leave nothing of the job, and report how it ended."""
        job = self.job
        if job is None:
            return
        job.reason, job.note = reason, note
        clean = self._kill_all()
        seconds = time.monotonic() - job.begun
        clean = self.users.remove_folder(job.folder, job.user) and clean
        processor = _processor_seconds() - job.processor
        ending, status = self._verdict(job, processor)
        peak = max(job.peak / 1024 - self.resident / (1 << 20), job.watch.peak / (1 << 20), 0.0)
        message: dict[str, Any] = {"ended": job.number, "ending": ending, "exit_status": status, "note": job.note,
                                   "seconds": round(seconds, 6), "cpu_seconds": round(processor, 6),
                                   "peak_memory_mb": round(peak, 2), "clean": clean}  # fmt: skip
        if not self._was_confined():
            message["error"] = "the job's process ended before it was confined"
        self.job = None
        self._send(message)

    def _kill_all(self) -> bool:
        """Kill and collect everything else in this pid namespace. False if something would not die."""
        give_up = time.monotonic() + _REAP_SECONDS
        while True:
            self._collect()
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                self._collect()
                return True
            if time.monotonic() > give_up:
                return False
            if select.select([self.wakeup], [], [], 0.002)[0]:
                os.read(self.wakeup, 4096)

    def _verdict(self, job: Job, processor: float) -> tuple[str, int | None]:
        """(ending, exit status) of a job that is gone."""
        if job.reason:
            return job.reason, None
        status = job.status
        if status == 0:
            return "finished", 0
        if status == OUT_OF_MEMORY:
            return "out_of_memory", status
        if status == -signal.SIGXCPU or (status == -signal.SIGKILL and processor >= float(job.limits["cpu_seconds"])):
            return "timeout", None
        if status == -signal.SIGKILL and self.oom.grown() is not False:
            return "out_of_memory", None
        return "failed", status

    def _was_confined(self) -> bool:
        try:
            return os.read(self.confined, 64) == b"+"
        except BlockingIOError:
            return False

    def _send(self, message: dict[str, Any]) -> None:
        self.control.send(json.dumps(message).encode())


def _processor_seconds() -> float:
    """What all collected processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _set_up(hello: dict[str, Any]) -> None:
    """Import what the profile names. Raises whatever an import raises."""
    profile = hello["profile"]
    for name in (*COMMON, "gristmill.sandbox.guest.candidate", "gristmill.sandbox.guest.canary"):
        importlib.import_module(name)
    for name in (*profile.get("preload", ()), *profile.get("guest", ())):
        importlib.import_module(name)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    os.environ.clear()
    sys.argv[:] = ["solution"]
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # text streams, all three
    gc.collect()
    gc.disable()
    gc.freeze()


def main(arguments: list[str]) -> int:
    """Connect, answer the host's first message, serve."""
    kernel.prctl(_PR_SET_DUMPABLE, 0)
    os.umask(0)
    if arguments[0] == "--connect":
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.connect(arguments[1])
    else:
        control = socket.socket(fileno=int(arguments[1]))
        os.set_inheritable(control.fileno(), False)
    try:
        hello = json.loads(control.recv(1 << 16))
        if hello.get("version") != VERSION:
            raise RuntimeError(f"the host speaks version {hello.get('version')} of the protocol, this is {VERSION}")
        if os.getpid() != 1:
            raise RuntimeError("not process 1 of a pid namespace of its own, so nothing could be killed safely")
        users.guard_work_folder(hello["mode"])
        _set_up(hello)
        zygote = Zygote(control, hello["mode"])
        covers, gaps = probing.probe(zygote.plan, zygote.users)
    except BaseException:
        error = traceback.format_exc()[-4000:]
        control.send(json.dumps({"ready": False, "error": error}).encode())
        return 1
    control.send(json.dumps({"ready": True, "covers": covers, "gaps": gaps}).encode())
    zygote.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
