"""Documents: records of other rooms, kept by kind, owner and key. The store does not know what is in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Engine, delete, select, update

from gristmill.graph.storage.base import Database, reading, writing
from gristmill.graph.storage.schema import documents
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["Documents"]

R = TypeVar("R", bound=Record)

_CHUNK = 500
"""Keys of one query at most: databases bound its parameters."""


class Documents:
    """A drawer for a kind of document, in it a folder for an owner, in it a record for a key.

    Every method is one transaction, and may raise StoreError. A record is there whole or not at all.
    """

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    def add(self, kind: str, owner: str, key: str, record: Record) -> bool:
        """Keep a record where there is none yet; whether it was kept."""
        statement = self._database.insert(documents).on_conflict_do_nothing().returning(documents.c.key)
        with writing(self._database, self._engine) as connection:
            return connection.execute(statement, _row(kind, owner, key, record)).first() is not None

    def put(self, kind: str, owner: str, key: str, record: Record) -> None:
        """Keep a record, in place of the one that is there."""
        statement = self._database.insert(documents)
        values = {"record": statement.excluded.record, "at": statement.excluded.at}
        statement = statement.on_conflict_do_update(index_elements=["kind", "owner", "key"], set_=values)
        with writing(self._database, self._engine) as connection:
            connection.execute(statement, _row(kind, owner, key, record))

    def change(self, kind: str, owner: str, key: str, of: type[R], to: Callable[[R], R | None]) -> R | None:
        """Put another record in place of what is there, which nobody has changed meanwhile; the new one.

        Args:
            to: what the record becomes, or None to leave it; called again where another process was faster.

        Raises:
            UserError: as `get`.
        """
        table = documents.c
        here = (table.kind == kind, table.owner == owner, table.key == key)
        while True:
            with reading(self._database, self._engine) as connection:
                text = connection.scalar(select(table.record).where(*here))
            changed = None if text is None else to(self._read(kind, owner, key, text, of))
            if changed is None:
                return None
            # Compared as it stands: a row whose text is another was changed by somebody since.
            values = {"record": changed.model_dump_json()}
            with writing(self._database, self._engine) as connection:
                if connection.execute(update(documents).where(*here, table.record == text).values(values)).rowcount:
                    return changed

    def get(self, kind: str, owner: str, key: str, of: type[R]) -> R | None:
        """A record, or None.

        Raises:
            UserError: what is there is no `of`: another version of gristmill wrote it.
        """
        table = documents.c
        query = select(table.record).where(table.kind == kind, table.owner == owner, table.key == key)
        with reading(self._database, self._engine) as connection:
            record = connection.scalar(query)
        return None if record is None else self._read(kind, owner, key, record, of)

    def list(self, kind: str, owner: str, of: type[R]) -> dict[str, R]:
        """All records of an owner by their keys, in the order in which they were kept.

        Raises:
            UserError: as `get`.
        """
        table = documents.c
        query = select(table.key, table.record).where(table.kind == kind, table.owner == owner)
        with reading(self._database, self._engine) as connection:
            rows = connection.execute(query.order_by(table.at, table.key)).all()
        return {row.key: self._read(kind, owner, row.key, row.record, of) for row in rows}

    def some(self, kind: str, owner: str, keys: Sequence[str], of: type[R]) -> dict[str, R]:
        """Those of these records that are there, by their keys.

        Raises:
            UserError: as `get`.
        """
        table = documents.c
        query = select(table.key, table.record).where(table.kind == kind, table.owner == owner)
        found: dict[str, R] = {}
        with reading(self._database, self._engine) as connection:
            for start in range(0, len(keys), _CHUNK):
                for row in connection.execute(query.where(table.key.in_(keys[start : start + _CHUNK]))):
                    found[row.key] = self._read(kind, owner, row.key, row.record, of)
        return found

    def owners(self, kind: str, *, key: str | None = None) -> tuple[str, ...]:
        """Who has documents of a kind, or the one of this key, in alphabetical order."""
        table = documents.c
        with reading(self._database, self._engine) as connection:
            query = select(table.owner).where(table.kind == kind).distinct().order_by(table.owner)
            return tuple(connection.scalars(query if key is None else query.where(table.key == key)))

    def remove(self, kind: str, owner: str, *keys: str) -> None:
        """Drop records; one that is not there is none the less gone."""
        table = documents.c
        with writing(self._database, self._engine) as connection:
            connection.execute(delete(documents).where(table.kind == kind, table.owner == owner, table.key.in_(keys)))

    def _read(self, kind: str, owner: str, key: str, text: str, of: type[R]) -> R:
        try:
            return of.model_validate_json(text)
        except ValidationError as error:
            raise UserError(
                f"{key!r} of the {kind} {owner!r} in {self._database.location} is not what this version writes "
                f"({error.error_count()} fields differ): go on with the gristmill that wrote it, or begin anew under "
                "another name"
            ) from error


def _row(kind: str, owner: str, key: str, record: Record) -> dict[str, Any]:
    return {"kind": kind, "owner": owner, "key": key, "record": record.model_dump_json(), "at": time.time()}
