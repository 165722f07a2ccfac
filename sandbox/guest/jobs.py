"""The child that waits for a job, and the job that runs, as the zygote knows them.

How a job ended is read from the kernel (status, clock, memory counter) and from what we did to it. Against a job that
blames the machine for its end, or claims a better one: nothing that it writes enters here, and a status that it takes
on itself harms only it. Against one that lets others work for it while its time is compared: a job with a clock has one
thread only, so this clock is of all that it does, whenever it does it.
"""

from __future__ import annotations

import resource
import signal
import socket
import time
from typing import Any, Final, NamedTuple

from gristmill.sandbox.guest.child import OUT_OF_MEMORY, Ancillary, descriptors_in
from gristmill.sandbox.guest.watching import OomCounter, Watch

__all__ = ["WATCH_SECONDS", "JobClock", "RunningJob", "Spare", "parted", "processor_seconds"]

WATCH_SECONDS: Final = 0.05


class Spare(NamedTuple):
    """A child that is confined and waits for its job.

    `first`: the first process of its pid namespace, 0 if that is the zygote's; `before`: what its file system held then
    (`Watch`).
    """

    pid: int
    first: int
    user: int
    folder: str
    disk_mb: int
    line: socket.socket
    before: tuple[int, int]


class RunningJob:
    """The job that is running: what it may use, and what is known of its end so far."""

    def __init__(self, message: dict[str, Any], spare: Spare, *, own_disk: bool) -> None:
        self.number = int(message["start"])
        self.limits: dict[str, Any] = message["limits"]
        self.pid = spare.pid
        self.user = spare.user
        self.folder = spare.folder
        self.reason = ""
        self.note = ""
        self.status: int | None = None
        self.peak = 0
        self.begun = time.monotonic()
        self.deadline = self.begun + float(self.limits["wall_seconds"])
        self.watch_at = self.begun + WATCH_SECONDS
        self.processor = processor_seconds()
        self.watch = Watch(self.limits, None if own_disk else self.folder, spare.before)

    def ending(self, processor: float, oom: OomCounter) -> tuple[str, int | None]:
        """(ending, exit status), once it is gone and has used so many seconds of processor time."""
        if self.reason:
            return self.reason, None
        status = self.status
        if status == 0:
            return "finished", 0
        if status == OUT_OF_MEMORY:
            return "out_of_memory", status
        if status == -signal.SIGXCPU or (status == -signal.SIGKILL and processor >= float(self.limits["cpu_seconds"])):
            return "timeout", None
        if status == -signal.SIGKILL and oom.grown() is not False:
            return "out_of_memory", None
        return "failed", status


class JobClock:
    """How much processor time a job has used, told while it runs to whoever holds the other end of a line."""

    def __init__(self, descriptor: int, pid: int) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
        self.line.setblocking(False)
        # What clock_getcpuclockid(3) makes of a process: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel.
        self._number = (~pid << 3) | 2

    def answer(self) -> bool:
        """Tell whoever has asked; False when there is nobody any more."""
        try:
            if not self.line.recv(16):
                return False
            self.line.send(time.clock_gettime_ns(self._number).to_bytes(8, "little"))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def parted(message: dict[str, Any], ancillary: Ancillary) -> tuple[int | None, Any]:
    """(the descriptor that the zygote keeps, what goes on to the child)."""
    if not message.get("clocked"):
        return None, ancillary
    (level, kind, data), descriptors = ancillary[0], descriptors_in(ancillary)
    return descriptors[-1], [(level, kind, data[: 4 * (len(descriptors) - 1)])]


def processor_seconds() -> float:
    """What all collected processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
