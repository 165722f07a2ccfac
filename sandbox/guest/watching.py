"""What the kernel does not limit by itself: memory over all of a job's processes, and a folder's size.

Against a job that splits its hunger over many processes or files, each within its limit: sums are watched, from
outside the job, and when memory runs out the job's processes are the first to be killed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Final

__all__ = ["OomCounter", "Processes", "Risk", "Watch"]

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE: Final = 1 << 20
_FILES_PER_MEGABYTE: Final = 256
_NOISE: Final = 16
_COUNTERS: Final = (
    ("/sys/fs/cgroup/memory.events", "oom_kill"),
    ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
    ("/proc/vmstat", "oom_kill"),
)


class Processes:
    """What /proc says of the processes here, also when it has been covered.

    The kernel makes a numbered file of whatever is looked up there for the first time, and pipes are numbered by the
    same counter. So the two processes that every job has are looked up before it begins, or the counter would tell
    whether it ran for long enough to be watched. By more processes a job could still move it; `cover_tracks` moves it
    on at random, the further the more it could have been.
    """

    def __init__(self) -> None:
        self._folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # This one, and what stands outside of its namespace.
        self._others = self._running()
        self._seen: set[str] = set()
        self._looked_up: set[str] = set()

    def know(self, *pids: int) -> None:
        """Look up the processes of the next job, whose numbers differ from all of now."""
        self._looked_up = {str(pid) for pid in pids if pid}
        for pid in self._looked_up:
            self.resident(pid)

    def resident(self, pid: str) -> int:
        """Bytes of memory that a process has in use; 0 if it is gone."""
        try:
            file = os.open(f"{pid}/statm", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                return int(os.read(file, 200).split()[1]) * _PAGE
            finally:
                os.close(file)
        except (OSError, IndexError):
            return 0

    def of_jobs(self) -> set[str]:
        """The processes that were not there before the first job."""
        running = self._running() - self._others
        self._seen |= running - self._looked_up
        return running

    def cover_tracks(self) -> None:
        """Leave no more than a guess of how many processes of a job were looked at."""
        if self._seen:
            for _ in range(int.from_bytes(os.urandom(4)) % (_NOISE + _NOISE * len(self._seen))):
                for end in os.pipe():
                    os.close(end)
            self._seen.clear()

    def _running(self) -> set[str]:
        return {name for name in os.listdir(self._folder) if name.isdigit()}


class Watch:
    """One job's consumption, looked at now and then. `folder` is None where the kernel limits it.

    `before` is what the folder's file system `held` before: one job at a time, so the job holds the rest.
    """

    def __init__(self, limits: dict[str, Any], folder: str | None, before: tuple[int, int] = (0, 0)) -> None:
        self.memory = limits["memory_mb"] * _MEGABYTE
        self.disk = limits["disk_mb"] * _MEGABYTE
        self.files = 16 + limits["disk_mb"] * _FILES_PER_MEGABYTE
        self.folder = folder
        self.disk_before, self.files_before = before
        self.peak = 0

    def look(self, processes: Processes, shared: int) -> tuple[str, str]:
        """(ending, note) if the job must be ended, else two empty strings. `shared` is what the zygote holds itself."""
        used = sum(max(0, processes.resident(pid) - shared) for pid in processes.of_jobs())
        self.peak = max(self.peak, used)
        if used > self.memory:
            return "out_of_memory", "its processes together use more memory than it may"
        if self.folder is not None:
            disk, files = self.held(self.folder)
            if disk - self.disk_before > self.disk:
                return "failed", "disk limit: its files are larger than they may be"
            if files - self.files_before > self.files:
                return "failed", "disk limit: it made too many files"
        return "", ""

    @staticmethod
    def held(folder: str) -> tuple[int, int]:
        """(bytes, files) in use on the file system of a folder."""
        state = os.statvfs(folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize, state.f_files - state.f_ffree


class Risk:
    """Who is killed when memory runs out: a job's process rather than the zygote, or one of the host's.

    The zygote takes the risk while it forks, since a child inherits it: that is cheaper than a child's own writing.
    """

    def __init__(self) -> None:
        self.file, self.own = -1, b"0"
        with suppress(OSError):
            self.file = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
            self.own = os.pread(self.file, 16, 0).strip()

    def take(self) -> None:
        """Be the first to be killed from here on."""
        self._write(b"1000")

    def leave(self) -> None:
        """Be what this process was before."""
        self._write(self.own)

    def _write(self, risk: bytes) -> None:
        if self.file >= 0:
            try:  # noqa: SIM105  # `suppress` would touch more pages, each of which is copied beside a fork
                os.pwrite(self.file, risk, 0)
            except OSError:
                pass


class OomCounter:
    """How often the kernel has killed in this container, or on this machine, for want of memory, where it says so."""

    def __init__(self) -> None:
        # Held open: what tells of the machine is covered before the first job.
        self.place: tuple[int, str] | None = None
        for path, key in _COUNTERS:
            with suppress(OSError):
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                if self._read(file, key) is not None:
                    self.place = file, key
                    break
                os.close(file)
        self.seen = self._now()

    def grown(self) -> bool | None:
        """Whether it has killed since the last look; None where it does not say."""
        now = self._now()
        if now is None:
            return None
        before, self.seen = self.seen, now
        return now > (before or 0)

    def _now(self) -> int | None:
        return None if self.place is None else self._read(*self.place)

    @staticmethod
    def _read(file: int, key: str) -> int | None:
        try:
            rows = map(str.split, os.pread(file, 1 << 16, 0).decode().splitlines())
            return next((int(row[1]) for row in rows if row[0] == key), None)
        except (OSError, ValueError, IndexError):
            return None
