"""Who owns a container or a folder, and whether that process is gone, so that leftovers can be told from live ones."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_gone", "owner_label"]


def owner_label() -> str:
    """This process, such that a later one with the same number is not taken for it."""
    return f"{os.getpid()}:{_started(os.getpid())}:{_pid_namespace()}:{_boot()}"


def is_gone(label: str) -> bool:
    """Whether the process that a label names is certainly gone.

    Only owners of this boot and this pid namespace can be judged from here; of all others the answer is no.
    """
    parts = label.split(":")
    if len(parts) != 4 or not parts[0].isdigit():
        return False
    pid, started, namespace, boot = parts
    return boot == _boot() and namespace == _pid_namespace() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty if there is none (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _pid_namespace() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
