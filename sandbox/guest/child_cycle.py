"""What the zygote does between start and end: keeps a confined child ready, gives it a job, and clears up after it.

One job at a time, and when its first process ends, or must, everything but the zygote is killed. Against a job that
forks, hides or stays behind to meet the next one: no process, thread or file of it is left.
"""

from __future__ import annotations

import importlib
import json
import marshal
import os
import random
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any, Final

from gristmill.sandbox.guest.child import (
    ANCILLARY_BYTES,
    MESSAGE_BYTES,
    Ancillary,
    be_child,
    descriptors_in,
)
from gristmill.sandbox.guest.confinement import first, kernel, users
from gristmill.sandbox.guest.confinement.confine import prepare
from gristmill.sandbox.guest.jobs import WATCH_SECONDS, JobClock, RunningJob, Spare, parted, processor_seconds
from gristmill.sandbox.guest.watching import OomCounter, Processes, Risk, Watch

__all__ = ["Zygote"]

_REAP_SECONDS: Final = 10.0
_CONFINE_SECONDS: Final = 10.0
_USUAL_DISK: Final = 16


class Zygote:
    """The state of one worker from its side: the control socket, the walls, and at most one job.

    `ahead`: the child for the next job is made before that job comes, so that nobody waits for it.
    """

    def __init__(
        self, control: socket.socket, mode: str, *, settled: bool = False, programs: str = "", ahead: bool = True
    ) -> None:
        self.control = control
        self.mode = mode
        self.walls = prepare(mode, settled=settled, programs=programs)
        self.users = users.Users(mode, settled=settled, executable=bool(programs))
        self.ahead = ahead
        self.oom = OomCounter()
        self.job: RunningJob | None = None
        self.spare: Spare | None = None
        self.clock: JobClock | None = None
        # A child writes one byte when it is confined: no job is handed to one that is not.
        self.confined, self.say_confined = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if self.walls.own_namespaces else -1
        self.processes = Processes()
        self.resident = self.processes.resident("self")
        self.risk = Risk()
        self.wakeup, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        self.poll = select.poll()
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def serve(self) -> None:
        """Run jobs until the host hangs up."""
        if self.ahead:
            self._prepare(_USUAL_DISK)
        poll = self.poll
        poll.register(self.control.fileno(), select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        while True:
            ready = dict(poll.poll(self._timeout()))
            if self.clock is not None and self.clock.line.fileno() in ready and not self.clock.answer():
                self._stop_clock()
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
        data, ancillary, flags, _ = self.control.recvmsg(MESSAGE_BYTES, ANCILLARY_BYTES)
        if not data:
            return False
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise OSError("a message of the host is longer than a child reads")
        message = marshal.loads(data)  # noqa: S302  # the host's, which may do anything here
        if "start" in message:
            try:
                self._start(message, data, ancillary)
            finally:
                for descriptor in descriptors_in(ancillary):
                    os.close(descriptor)
        elif self.job is not None and message.get("kill") == self.job.number:
            self._end("failed", "killed by the host")
        return True

    def _start(self, message: dict[str, Any], data: bytes, ancillary: Ancillary) -> None:
        """Hand the host's `message`, as it came, to the child that waits."""
        number = message["start"]
        try:
            if self.job is not None:
                raise RuntimeError("a job was started while another one runs")
            if (module := message["program"].partition(":")[0]) not in sys.modules:
                importlib.import_module(module)
            spare = self._prepare(message["limits"]["disk_mb"])
            self._await_confined(spare)
            clock, ancillary = parted(message, ancillary)
            if clock is not None:
                self._start_clock(clock, spare.pid)
            spare.line.sendmsg([data], ancillary)
            self.spare, self.job = None, RunningJob(message, spare, own_disk=self.walls.own_namespaces)
            spare.line.close()
        except Exception as error:
            self._send({"ended": number, "error": f"{type(error).__name__}: {error}"[:1000], "clean": False})

    def _start_clock(self, descriptor: int, pid: int) -> None:
        if not self.walls.count_processes:
            raise RuntimeError("a job's processor time is read here, and this kernel cannot hold it to one process")
        self.clock = JobClock(os.dup(descriptor), pid)
        self.poll.register(self.clock.line.fileno(), select.POLLIN)

    def _stop_clock(self) -> None:
        if self.clock is not None:
            self.poll.unregister(self.clock.line.fileno())
            self.clock.line.close()
            self.clock = None

    def _prepare(self, disk_mb: int) -> Spare:
        """A child that is ready for a job, or will be in a moment."""
        if self.spare is not None:
            # Only a file system of its own has its size from the beginning.
            if not self.walls.own_namespaces or self.spare.disk_mb == disk_mb:
                return self.spare
            self._discard(self.spare)
        user, folder = self.users.next(), users.new_folder()
        self.users.make_folder(folder, user, disk_mb)
        before = (0, 0) if self.walls.own_namespaces else Watch.held(folder)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            first_process = first.open_namespace() if self.walls.own_namespaces else 0
            # No two jobs shall draw the same numbers.
            random.seed()
            self.risk.take()
            pid = kernel.fork()
            if pid == 0:
                # Their numbers will be closed, and mean other files by the time that these objects go.
                ours.detach()
                self.control.detach()
                be_child(self.walls, folder, user, disk_mb, theirs.detach(), self.say_confined)
            self.risk.leave()
            if self.walls.own_namespaces:
                kernel.join(self.own_pids, kernel.NEW_PIDS)
        self.processes.know(pid, first_process)
        self.spare = Spare(pid, first_process, user, folder, disk_mb, ours, before)
        return self.spare

    def _discard(self, spare: Spare) -> None:
        """Let go of a child that has not been used."""
        os.kill(spare.pid, signal.SIGKILL)
        os.waitpid(spare.pid, 0)
        self._forget(spare)

    def _forget(self, spare: Spare) -> None:
        self.spare = None
        first.end_namespace(spare.first)
        spare.line.close()
        with suppress(BlockingIOError):
            os.read(self.confined, 64)
        self.users.remove_folder(spare.folder, spare.user)

    def _look(self) -> None:
        """Hold the running job to its limits."""
        job = self.job
        if job is None:
            return
        now = time.monotonic()
        if now >= job.deadline:
            self._end("timeout", "")
        elif now >= job.watch_at:
            job.watch_at = now + WATCH_SECONDS
            reason, note = job.watch.look(self.processes, self.resident)
            if reason:
                self._end(reason, note)

    def _reap(self) -> None:
        """Collect processes that have ended; the end of a job's first one is the end of the job."""
        if self._collect() and self.job is not None and self.job.status is not None:
            self._end("", "")

    def _collect(self) -> bool:
        """Collect all that have ended. True if any did."""
        collected = False
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return collected
            if pid == 0:
                return collected
            collected = True
            if self.spare is not None and pid == self.spare.pid:
                self._forget(self.spare)
            elif self.job is not None and pid == self.job.pid:
                self.job.status = os.waitstatus_to_exitcode(status)
                self.job.peak = used.ru_maxrss

    def _end(self, reason: str, note: str) -> None:
        """Leave nothing of the job, and report how it ended."""
        job = self.job
        if job is None:
            return
        job.reason, job.note = reason, note
        self._stop_clock()
        if self.walls.own_namespaces:
            # Its file system goes while its processes die; in one that is shared, they could still make files.
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            removed = self.users.remove_folder(job.folder, job.user)
            clean = self._kill_all() and removed
        else:
            clean = self._kill_all() and self.users.remove_folder(job.folder, job.user)
        seconds = time.monotonic() - job.begun
        processor = processor_seconds() - job.processor
        ending, status = job.ending(processor, self.oom)
        peak = max(job.peak / 1024 - self.resident / (1 << 20), job.watch.peak / (1 << 20), 0.0)
        message: dict[str, Any] = {
            "ended": job.number,
            "ending": ending,
            "exit_status": status,
            "note": job.note,
            "seconds": round(seconds, 6),
            "cpu_seconds": round(processor, 6),
            "peak_memory_mb": round(peak, 2),
            "clean": clean,
        }
        self.job = None
        self._send(message)
        self.processes.cover_tracks()
        # The kernel wakes the host on this processor, since who has sent something mostly sleeps next. The fork would
        # keep it waiting, even beside an idle processor: half a millisecond of two.
        os.sched_yield()
        if self.ahead:
            self._prepare(job.limits["disk_mb"])

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

    def _await_confined(self, spare: Spare) -> None:
        """Return when the child has told that it is confined; its job's clock starts after that.

        Raises:
            RuntimeError: it ended before, or never will be.
        """
        give_up = time.monotonic() + _CONFINE_SECONDS
        while True:
            try:
                os.read(self.confined, 1)
                return
            except BlockingIOError:
                left = give_up - time.monotonic()
            ready = select.select([self.confined, self.wakeup], [], [], max(0.0, left))[0]
            if self.wakeup in ready:
                os.read(self.wakeup, 4096)
                self._collect()
            if self.spare is not spare or left <= 0:
                raise RuntimeError("a job's process ended, or hung, before it was confined")

    def _send(self, message: dict[str, Any]) -> None:
        self.control.send(json.dumps(message).encode())
