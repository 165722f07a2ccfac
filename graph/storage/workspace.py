"""Where things are: what a user writes as a workspace → its database, and its folder for files."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gristmill.graph.storage.base import Database
from gristmill.graph.storage.sqlite import Sqlite
from gristmill.sandbox.errors import UserError

__all__ = ["Location", "database_at", "home_beside", "home_of", "option_for"]

Location = str | Path | None
"""A URL of SQLAlchemy's, the path of an SQLite file, a folder that holds ``.gristmill/``, or the current one (None)."""

_FOLDER = ".gristmill"
_FILE = "gristmill.db"


def database_at(location: Location) -> Database:
    """The database of a workspace.

    Raises:
        UserError: no store can be kept there.
    """
    if isinstance(location, str) and "://" in location:
        try:
            url = make_url(location)
        except ArgumentError as error:
            raise UserError(f"not a store's URL: {location!r} ({error}); e.g. postgresql://user@host/name") from error
        backend = url.get_backend_name()
        if backend == "postgresql":
            # Its dialect is a tenth of a second that an embedded store need not spend.
            from gristmill.graph.storage.postgres import Postgres

            return Postgres(url)
        if backend == "sqlite" and url.database:
            return Sqlite(Path(url.database))
        raise UserError(f"no store can be kept at {location!r}: use a path, sqlite:///FILE or postgresql://…")
    path = Path(location if location is not None else ".").expanduser()
    if path.is_dir() or path.suffix not in (".db", ".sqlite", ".sqlite3"):
        path = path / _FOLDER / _FILE
    return Sqlite(path)


def home_of(location: Location) -> Path:
    """The folder ``.gristmill`` of a workspace, for what is no row: adapters, datasets, reports, logs.

    It may be missing. It is beside an SQLite file, and in the current folder where the database is a server.

    Raises:
        UserError: as `database_at`.
    """
    return home_beside(database_at(location))


def home_beside(database: Database) -> Path:
    """The same, of a database that is open already."""
    folder = database.file.parent.resolve() if isinstance(database, Sqlite) else Path.cwd()
    return folder if folder.name == _FOLDER else folder / _FOLDER


def option_for(location: Location) -> list[str]:
    """How a command is told of a workspace, for a line that people copy; without the password of an address.

    Raises:
        UserError: as `database_at`.
    """
    if location in (None, "."):
        return []
    return ["--workspace", database_at(location).location if "://" in str(location) else str(location)]
