"""Where the store lives: opening SQLite or PostgreSQL, and saying plainly what is wrong with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gristmill.graph.errors import RunBusyError, StoreError
from gristmill.sandbox.errors import UserError

__all__ = ["BUSY_SECONDS", "claim", "database_trouble", "database_url", "open_engine", "tune_sqlite"]

BUSY_SECONDS = 60.0
"""How long a writer of SQLite waits for another one; each holds the file for milliseconds."""

_FOLDER = ".gristmill"
_FILE = "gristmill.db"


def database_url(location: str | Path | None) -> URL:
    """The URL of a store: of a URL, the path of an SQLite file, a workspace folder, or the current folder (None)."""
    if isinstance(location, str) and "://" in location:
        try:
            url = make_url(location)
        except ArgumentError as error:
            raise UserError(f"not a store's URL: {location!r} ({error}); e.g. postgresql://user@host/name") from error
        backend = url.get_backend_name()
        if backend == "postgresql":
            return url.set(drivername="postgresql+psycopg")
        if backend == "sqlite" and url.database:
            return url.set(drivername="sqlite")
        raise UserError(f"no store can be kept at {location!r}: use a path, sqlite:///FILE or postgresql://…")
    path = Path(location if location is not None else ".").expanduser()
    if path.is_dir() or path.suffix not in (".db", ".sqlite", ".sqlite3"):
        path = path / _FOLDER / _FILE
    return URL.create("sqlite", database=str(path.absolute()))


def open_engine(url: URL) -> Engine:
    """A tuned engine; the folder of an SQLite file is made."""
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", lambda connection, _: tune_sqlite(connection))
        return engine
    try:
        return create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise UserError("a PostgreSQL store needs the extra: pip install 'gristmill[postgres]'") from error


def tune_sqlite(connection: Any) -> None:
    """WAL, so that readers and the writer need not wait; see `gristmill.graph.storage.store` on durability."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


@contextlib.contextmanager
def database_trouble(
    where: str, doing: str, errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, OSError)
) -> Iterator[None]:
    """Turn `errors` that a database raises into a `StoreError` that says what to do."""
    try:
        yield
    except errors as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(f"cannot {doing} the store {where}: {reason}{_advice(reason)}") from error


def _advice(reason: str) -> str:
    lower = reason.lower()
    if "full" in lower or "no space" in lower:
        return "; what was stored is kept: free some space, then go on with --resume"
    if "readonly" in lower or "read-only" in lower or "permission" in lower or "unable to open" in lower:
        return "; use a workspace that can be written (--workspace)"
    return "; what was stored is kept"


@contextlib.contextmanager
def claim(engine: Engine, run: str) -> Iterator[None]:
    """Hold a run for this process. The claim ends with the process, however that ends.

    Raises:
        RunBusyError: another process holds it.
    """
    busy = RunBusyError(f"another process is working on the run {run!r}: wait for it, or stop it first")
    if engine.dialect.name == "sqlite":
        folder = Path(str(engine.url.database)).parent / "locks"
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / f"{run}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield
        finally:
            os.close(handle)
        return
    with engine.connect() as connection:
        key = {"run": f"gristmill/{run}"}
        if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:run, 0))"), key):
            raise busy
        connection.commit()
        try:
            yield
        finally:
            # A lost server has let go already.
            with contextlib.suppress(SQLAlchemyError):
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:run, 0))"), key)
                connection.commit()
