"""What the store asks of a database, and how it says what is wrong with it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, Table
from sqlalchemy.exc import SQLAlchemyError

from gristmill.graph.errors import RunBusyError, StoreError

__all__ = ["Database", "adding", "busy", "database_trouble", "reading", "writing"]


class Database(Protocol):
    """A database at one address; nothing is opened before `open`."""

    @property
    def url(self) -> URL:
        """The address, password included."""
        ...

    @property
    def location(self) -> str:
        """The address for people."""
        ...

    def exists(self) -> bool:
        """Whether something may be there; False only where that is certain without a connection."""
        ...

    def open(self) -> Engine:
        """A tuned engine; a folder that must be there first is made."""
        ...

    def insert(self, table: Table) -> Any:
        """An insert statement that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
        ...

    def alone(self, connection: Connection) -> None:
        """Keep other processes from making the store's tables until this connection's transaction has ended."""
        ...

    def claim(self, engine: Engine, run: str) -> AbstractContextManager[None]:
        """Hold a run for this process. The claim ends with the process, however that ends.

        Raises:
            RunBusyError: another process holds it.
        """
        ...

    def advice(self, reason: str) -> str:
        """What to do about an error whose first line is `reason`; "" where nothing better is known."""
        ...


def busy(run: str) -> RunBusyError:
    """The error of a claim on a run that another process holds."""
    return RunBusyError(f"another process is working on the run {run!r}: wait for it, or stop it first")


@contextlib.contextmanager
def database_trouble(
    database: Database, doing: str, errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, OSError)
) -> Iterator[None]:
    """Turn `errors` that a database raises into a `StoreError` that says what to do."""
    try:
        yield
    except errors as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        advice = database.advice(reason.lower()) or "what was stored is kept"
        raise StoreError(f"cannot {doing} the store {database.location}: {reason}; {advice}") from error


@contextlib.contextmanager
def reading(database: Database, engine: Engine) -> Iterator[Connection]:
    """A connection to read with; errors are `StoreError`s."""
    with database_trouble(database, "read"), engine.connect() as connection:
        yield connection


@contextlib.contextmanager
def writing(database: Database, engine: Engine) -> Iterator[Connection]:
    """One transaction, committed where the block ends well; errors are `StoreError`s."""
    with database_trouble(database, "write to"), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def adding(database: Database, engine: Engine) -> Iterator[Any]:
    """The driver's cursor in one transaction, as `writing`; for what is written often enough that SQLAlchemy's part of
    it would be most of the work."""
    driver = engine.dialect.loaded_dbapi
    with database_trouble(database, "write to", (SQLAlchemyError, driver.Error, OSError)):
        connection = engine.raw_connection()
        try:
            yield connection.cursor()
            connection.commit()
        finally:
            connection.close()  # which takes back what is not committed
