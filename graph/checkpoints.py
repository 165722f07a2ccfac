"""LangGraph's checkpoints, in the same database as the store, and a serializer that trusts nothing.

A checkpoint says where in the graph a task was; what was found is in the store. If checkpoints are lost, a resumed run
walks the graph from its start, finds everything stored, and buys nothing again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ormsgpack
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Send

from gristmill.graph.database import BUSY_SECONDS, database_trouble
from gristmill.graph.errors import StoreError
from gristmill.graph.store import Store
from gristmill.sandbox.errors import UserError

__all__ = ["StrictSerializer", "checkpointer"]

_SEND = 1
_OPTIONS = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_PASSTHROUGH_SUBCLASS | ormsgpack.OPT_PASSTHROUGH_DATACLASS


class StrictSerializer:
    """msgpack for builtins and LangGraph's `Send`; every other type is refused, when written and when read.

    LangGraph's own serializer imports and calls what a checkpoint names, within an allowlist; a database that others
    can write to is no place for that. There is no pickle.
    """

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """(format, bytes). Raises TypeError for a type that may not be in a state."""
        try:
            return "msgpack", ormsgpack.packb(obj, default=_encode, option=_OPTIONS)
        except ormsgpack.MsgpackEncodeError as error:
            raise TypeError(f"not allowed in a checkpoint: {error.__cause__ or error}") from error

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value. Raises StoreError for anything that `dumps_typed` does not write."""
        format_, content = data
        if format_ != "msgpack":
            raise StoreError(f"a checkpoint holds {format_!r} data, which is not allowed there")
        try:
            return ormsgpack.unpackb(content, ext_hook=_decode, option=ormsgpack.OPT_NON_STR_KEYS)
        except ormsgpack.MsgpackDecodeError as error:
            raise StoreError(f"a checkpoint is damaged: {error}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, Send):
        return ormsgpack.Ext(_SEND, ormsgpack.packb([value.node, value.arg], default=_encode, option=_OPTIONS))
    if isinstance(value, BaseException):  # LangGraph writes down why a task failed
        return f"{type(value).__name__}: {value}"
    for plain in (str, int, float, dict, list):
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


def _decode(code: int, content: bytes) -> Any:
    if code != _SEND:
        raise StoreError(f"a checkpoint holds an unknown type (extension {code}), which is not allowed there")
    node, argument = ormsgpack.unpackb(content, ext_hook=_decode, option=ormsgpack.OPT_NON_STR_KEYS)
    return Send(str(node), argument)


@asynccontextmanager
async def checkpointer(store: Store) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """A saver on the store's own database; what goes wrong with it inside the block is a `StoreError`."""
    if store.url.get_backend_name() == "sqlite":
        import aiosqlite
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        with database_trouble(store.location, "write to", (sqlite3.Error,)):
            async with aiosqlite.connect(str(store.url.database), timeout=BUSY_SECONDS) as connection:
                await connection.execute("PRAGMA journal_mode=WAL")
                await connection.execute("PRAGMA synchronous=NORMAL")
                yield AsyncSqliteSaver(connection, serde=StrictSerializer())
        return
    try:
        import psycopg
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    except ModuleNotFoundError as error:
        raise UserError("a PostgreSQL store needs the extra: pip install 'gristmill[postgres]'") from error
    url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with database_trouble(store.location, "write to", (psycopg.Error,)):
        async with AsyncPostgresSaver.from_conn_string(url, serde=StrictSerializer()) as saver:
            await saver.setup()
            yield saver
