"""Where a store lives: what a user writes → a database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gristmill.graph.storage.base import Database
from gristmill.graph.storage.postgres import Postgres
from gristmill.graph.storage.sqlite import Sqlite
from gristmill.sandbox.errors import UserError

__all__ = ["database_at"]

_FOLDER = ".gristmill"
_FILE = "gristmill.db"


def database_at(location: str | Path | None) -> Database:
    """The database of a URL, the path of an SQLite file, a workspace folder, or the current folder (None)."""
    if isinstance(location, str) and "://" in location:
        try:
            url = make_url(location)
        except ArgumentError as error:
            raise UserError(f"not a store's URL: {location!r} ({error}); e.g. postgresql://user@host/name") from error
        backend = url.get_backend_name()
        if backend == "postgresql":
            return Postgres(url)
        if backend == "sqlite" and url.database:
            return Sqlite(Path(url.database))
        raise UserError(f"no store can be kept at {location!r}: use a path, sqlite:///FILE or postgresql://…")
    path = Path(location if location is not None else ".").expanduser()
    if path.is_dir() or path.suffix not in (".db", ".sqlite", ".sqlite3"):
        path = path / _FOLDER / _FILE
    return Sqlite(path)
