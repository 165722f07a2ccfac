"""A store's format, and what to do with one of another."""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy import Connection, insert, inspect, select

from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database
from gristmill.sandbox.errors import UserError

__all__ = ["prepare"]


def prepare(connection: Connection, database: Database) -> None:
    """Make a new store's tables, or see that an old one's are ours. One of another format is left as it is.

    Several processes may do so at once: one of them makes the tables.

    Raises:
        UserError: the store was written in another format; says by which gristmill, if it is known, and how to export
            from it.
    """
    table = schema.versions.c
    stored = _version(connection)
    if stored is None:
        database.alone(connection)
        stored = _version(connection)
    if stored is None:
        schema.metadata.create_all(connection)
        row = {"version": schema.VERSION, "gristmill": version("gristmill")}
        connection.execute(insert(schema.versions), row)
    elif stored != schema.VERSION:
        named = any(column["name"] == "gristmill" for column in inspect(connection).get_columns(schema.versions.name))
        writer = connection.scalar(select(table.gristmill)) if named else None
        by = f"gristmill {writer}" if writer else "another"
        raise UserError(
            f"the store {database.location} has format {stored}, written by {by}; "
            f"this gristmill {version('gristmill')} reads format {schema.VERSION}. To take its data along, install "
            f"{f'gristmill=={writer}' if writer else 'the gristmill that wrote it'} beside this one and call its "
            "`gristmill export RUN --out FOLDER`; for new runs, name another --workspace"
        )


def _version(connection: Connection) -> int | None:
    there = inspect(connection).has_table(schema.versions.name)
    return connection.scalar(select(schema.versions.c.version)) if there else None
