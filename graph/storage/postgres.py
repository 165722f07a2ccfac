"""A database that several machines share: PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from gristmill.graph.storage.base import busy
from gristmill.sandbox.errors import UserError

__all__ = ["Postgres"]


class Postgres:
    """A `Database` on a server."""

    def __init__(self, url: URL) -> None:
        self.url = url.set(drivername="postgresql+psycopg")
        self.location = self.url.render_as_string(hide_password=True)

    def exists(self) -> bool:
        """True: only the server knows."""
        return True

    def open(self) -> Engine:
        """An engine that tries a connection before it is used."""
        try:
            return create_engine(self.url, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise UserError("a PostgreSQL store needs the extra: pip install 'gristmill[postgres]'") from error

    def insert(self, table: Table) -> postgresql.Insert:
        """As `Database.insert`."""
        return postgresql.insert(table)

    def alone(self, connection: Connection) -> None:
        """By an advisory lock of the transaction."""
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('gristmill store', 0))"))

    @contextlib.contextmanager
    def claim(self, engine: Engine, run: str) -> Iterator[None]:
        """By an advisory lock, which the server drops with the connection."""
        key = {"run": f"gristmill/{run}"}
        with engine.connect() as connection:
            if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:run, 0))"), key):
                raise busy(run)
            connection.commit()
            try:
                yield
            finally:
                # A lost server has let go already.
                with contextlib.suppress(SQLAlchemyError):
                    connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:run, 0))"), key)
                    connection.commit()

    def advice(self, reason: str) -> str:
        """For a server's full disk, and for rights that are missing."""
        if "no space" in reason:
            return "what was stored is kept: free some space on the server, then go on with --resume"
        if "read-only" in reason or "permission" in reason:
            return "use a database that this user may write"
        return ""
