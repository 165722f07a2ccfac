"""Statements that the loop runs thousands of times: compiled once, then handed to the driver as they are.

SQLAlchemy builds, hashes and looks up a statement each time it is executed; for rows of a few columns that costs more
than the database's own work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, update

from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database
from gristmill.graph.storage.entries import Keep
from gristmill.verifiers.records import Outcome

__all__ = ["Prepared", "clock", "entry"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement in the driver's words. `positions` names its parameters in order; empty where the driver takes names.
    `given` has those that no row gives."""

    sql: str
    positions: tuple[str, ...]
    given: Mapping[str, Any]

    def run(self, cursor: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each row, on a cursor of the driver."""
        whole = [{**self.given, **row} for row in rows] if self.given else rows
        values: Any = [tuple([row[name] for name in self.positions]) for row in whole] if self.positions else whole
        if len(values) == 1:
            cursor.execute(self.sql, values[0])
        else:
            cursor.executemany(self.sql, values)


def entry(database: Database, dialect: Dialect, table: Table, keep: Keep, columns: Sequence[str]) -> Prepared:
    """Writes rows of these columns into a table, as `keep` says."""
    statement = database.insert(table)
    if keep == "first":
        statement = statement.on_conflict_do_nothing()
    elif keep != "add":
        keys = [column.name for column in table.primary_key]
        values = {name: statement.excluded[name] for name in columns if name not in keys}
        where = table.c.outcome == Outcome.UNSCORED.value if keep == "scored" else None
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values, where=where)
    missing = {column.name: column.default.arg for column in table.columns if column.default is not None}  # type: ignore[attr-defined]  # ours are plain values
    return _prepared(statement, dialect, columns, missing)


def clock(dialect: Dialect) -> Prepared:
    """Keeps a run's wall time: `run`, `clock`."""
    statement = update(schema.runs).where(schema.runs.c.name == bindparam("run")).values(seconds=bindparam("clock"))
    return _prepared(statement, dialect, None, {})


def _prepared(statement: Any, dialect: Dialect, columns: Sequence[str] | None, missing: Mapping[str, Any]) -> Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=columns, for_executemany=True)
    given = {name: value for name, value in compiled.params.items() if value is not None}
    return Prepared(str(compiled), tuple(compiled.positiontup or ()), {**given, **missing})
