"""Core-seconds of a long benchmark, over all its sessions, killed ones among them; and the tree that it is made by."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record

__all__ = ["commit_of", "core_seconds", "keeping", "used"]

_KIND = "benchmark cores"
_EACH = 10.0


class Cores(Record):
    """What one session has used so far."""

    seconds: float


@contextmanager
def keeping(store: Store, name: str) -> Iterator[None]:
    """Keep, each ten seconds and at the end, what this process and its children have used since here."""
    key, begun, over = str(time.time()), used(), threading.Event()

    def keep() -> None:
        store.documents.put(_KIND, name, key, Cores(seconds=max(0.0, used() - begun)))

    def watch() -> None:
        while not over.wait(_EACH):
            keep()

    watcher = threading.Thread(target=watch, name="core-seconds", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        keep()


def core_seconds(store: Store, name: str) -> list[float]:
    """Of each session, the oldest first; this one's as of the last time that it was kept."""
    return [each.seconds for each in store.documents.list(_KIND, name, Cores).values()]


def used() -> float:
    """User and system time of this process and all below it, those among them that have ended and were waited for."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def commit_of() -> str:
    """The short hash of the tree that a figure is made by, and whether it has changes."""
    git = ["git", "-C", str(Path(__file__).resolve().parents[1])]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode
    return commit.strip() + (" with changes" if changed else "")
