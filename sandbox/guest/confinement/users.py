"""Who a job is, and the one folder that it may write to.

In mode ``uid`` each job has a user of its own and a folder that is not its own but the zygote's. Against one job that
waits for the next: it can neither signal the next one nor reach its files.
"""

from __future__ import annotations

import os
import random
import time
from typing import Final

from gristmill.sandbox.guest.confinement import kernel
from gristmill.sandbox.guest.confinement.cleaning import empty
from gristmill.sandbox.guest.confinement.confine import WORK, disk_options

__all__ = ["Users", "guard_work_folder", "largest_range", "new_folder"]

_CLEAN_SECONDS: Final = 5.0


def new_folder() -> str:
    """A folder for one job; its name tells nothing, how many there were before least of all."""
    return f"{WORK}/job-{os.urandom(8).hex()}"


def guard_work_folder(mode: str) -> None:
    """Take the right to make files beside a job's own folder away from all but the zygote.

    Raises:
        OSError: the folder belongs to somebody else.
    """
    if mode == "uid":
        os.chmod(WORK, 0o755)  # noqa: S103  # jobs must be able to walk through


class Users:
    """Hands out user numbers. In mode ``uid`` each job gets the next one of the mapped range.

    The range starts at random: limits on processes count per user of the machine, over all workers. A zygote that is
    `settled` gives each job a file system of its own as its folder; `executable`: programs may be started from there.
    """

    def __init__(self, mode: str, *, settled: bool = False, executable: bool = False) -> None:
        self.mode = mode
        self.settled = settled
        self.executable = executable
        first, count = 0, 1
        if mode == "uid":
            first, count = largest_range()
        self.first, self.count = first, count
        self.place = random.SystemRandom().randrange(count)

    def next(self) -> int:
        """The next job's user, and group, number."""
        self.place = (self.place + 1) % self.count
        return self.first + self.place

    def make_folder(self, folder: str, user: int, disk_mb: int) -> None:
        """A folder that the zygote owns and the job may write to, through its group."""
        if self.mode != "uid":
            return
        if self.settled:
            os.mkdir(folder, 0o700)
            options = f"{disk_options(disk_mb)},mode=0770,uid=0,gid={user}"
            kernel.mount_tmpfs(folder, options, executable=self.executable)
            return
        os.setegid(user)
        try:
            os.mkdir(folder, 0o770)
        finally:
            os.setegid(0)

    def remove_folder(self, folder: str, user: int) -> bool:
        """Remove the folder and all in it. False if something is left."""
        if self.mode != "uid":
            return True
        try:
            if self.settled:
                kernel.unmount(folder)
            os.rmdir(folder)
        except OSError:
            if self.settled or not _as_user(user, folder):
                return False
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return True


def largest_range(kind: str = "uid_map") -> tuple[int, int]:
    """(first, count) of the user numbers that exist here, without those that a system gives to people and services."""
    best = (0, 0)
    with open(f"/proc/self/{kind}") as file:
        for line in file:
            inside, _, count = map(int, line.split())
            first = max(inside, 1 << 28 if count > 1 << 30 else 1000)
            # The last numbers mean "nobody" to some calls.
            best = max(best, (first, min(inside + count, 1 << 30) - first - 1), key=lambda each: each[1])
    if best[1] < 1:
        raise OSError("no user numbers are mapped here beside root's, so jobs cannot have users of their own")
    return best


def _as_user(user: int, folder: str) -> bool:
    """Empty the folder in a process of its owner, which must be quick about it."""
    pid = os.fork()
    if pid == 0:
        done = False
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            done = empty(folder, _CLEAN_SECONDS)
        finally:
            os._exit(0 if done else 1)
    deadline = time.monotonic() + _CLEAN_SECONDS + 1
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.0005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False
