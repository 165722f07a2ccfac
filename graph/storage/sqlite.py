"""The embedded database: one SQLite file per workspace."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import sqlite

from gristmill.graph.storage.base import busy

__all__ = ["BUSY_SECONDS", "Sqlite"]

BUSY_SECONDS = 60.0
"""How long a writer waits for another one; each holds the file for milliseconds."""


class Sqlite:
    """A `Database` in a file.

    WAL mode with ``synchronous=NORMAL``, so that readers and the writer need not wait: what is committed survives the
    death of the process (kill -9); a power cut may take the last moments, never the file's consistency.
    """

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()
        self.location = str(self.file)
        self.url = URL.create("sqlite", database=self.location)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.file.exists()

    def open(self) -> Engine:
        """An engine on the file, whose folder is made."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", lambda connection, _: self._tune(connection))
        return engine

    def insert(self, table: Table) -> sqlite.Insert:
        """As `Database.insert`."""
        return sqlite.insert(table)

    def alone(self, connection: Connection) -> None:
        """By the file's write lock."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @contextlib.contextmanager
    def claim(self, engine: Engine, run: str) -> Iterator[None]:
        """By a lock on a file of its own, which the kernel drops with the process."""
        folder = self.file.parent / "locks"
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / f"{run}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy(run) from None
            yield
        finally:
            os.close(handle)

    def advice(self, reason: str) -> str:
        """For a full disk, and for one that cannot be written."""
        if "full" in reason or "no space" in reason:
            return "what was stored is kept: free some space, then go on with --resume"
        if any(words in reason for words in ("readonly", "read-only", "permission", "unable to open")):
            return "use a workspace that can be written (--workspace)"
        return ""

    def _tune(self, connection: Any) -> None:
        # A new file's change to WAL does not wait for another connection's ("database is locked" at once, whatever the
        # timeout is), so one does it at a time. The folder is what all of them have to lock.
        folder = os.open(self.file.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            os.close(folder)
        connection.execute("PRAGMA synchronous=NORMAL")
