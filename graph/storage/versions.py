"""A store's format, and what to do with one of another."""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy import Connection, insert, inspect, select

from gristmill.graph.storage import schema
from gristmill.sandbox.errors import UserError

__all__ = ["prepare"]


def prepare(connection: Connection, location: str) -> None:
    """Make a new store's tables, or see that an old one's are ours. One of another format is left as it is.

    Raises:
        UserError: the store was written in another format; says by which gristmill, if it is known, and how to export
            from it.
    """
    table = schema.versions.c
    stored = connection.scalar(select(table.version)) if inspect(connection).has_table(schema.versions.name) else None
    if stored is None:
        schema.metadata.create_all(connection)
        row = {"version": schema.VERSION, "gristmill": version("gristmill")}
        connection.execute(insert(schema.versions), row)
    elif stored != schema.VERSION:
        named = any(column["name"] == "gristmill" for column in inspect(connection).get_columns(schema.versions.name))
        writer = connection.scalar(select(table.gristmill)) if named else None
        raise UserError(
            f"the store {location} has format {stored}, written by {f'gristmill {writer}' if writer else 'another'}; "
            f"this gristmill {version('gristmill')} reads format {schema.VERSION}. To take its data along, install "
            f"{f'gristmill=={writer}' if writer else 'the gristmill that wrote it'} beside this one and call its "
            "`gristmill export RUN --out FOLDER`; for new runs, name another --workspace"
        )
