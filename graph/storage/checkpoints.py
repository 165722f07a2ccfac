"""LangGraph's checkpoints, in the same database as the store, and a serializer that trusts nothing.

A checkpoint says where in the graph a task was; what was found is in the store. If checkpoints are lost, a resumed run
walks the graph from its start, finds everything stored, and buys nothing again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiosqlite
import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Send

from gristmill.graph.errors import StoreError
from gristmill.graph.storage.base import database_trouble
from gristmill.graph.storage.sqlite import BUSY_SECONDS
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError

__all__ = ["StrictSerializer", "checkpointer"]

T = TypeVar("T")

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
            raise StoreError(f"a checkpoint is damaged, or holds a type that is not allowed there: {error}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, Send):
        return ormsgpack.Ext(_SEND, ormsgpack.packb([value.node, value.arg], default=_encode, option=_OPTIONS))
    if isinstance(value, BaseException):  # LangGraph writes down why a task failed
        return f"{type(value).__name__}: {value}"
    # Subclasses of builtins, StrEnum and defaultdict among them, are stored as what they are made of.
    builtins: tuple[Any, ...] = (str, int, float, dict, list)
    for plain in builtins:
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


def _decode(code: int, content: bytes) -> Any:
    if code != _SEND:
        raise StoreError(f"a checkpoint holds an unknown type (extension {code}), which is not allowed there")
    node, argument = ormsgpack.unpackb(content, ext_hook=_decode, option=ormsgpack.OPT_NON_STR_KEYS)
    return Send(str(node), argument)


class _WholeSaver(AsyncSqliteSaver):
    """Begins no statement that it does not finish.

    AsyncSqliteSaver shares one connection among all tasks. A caller that is cancelled between a statement and its
    commit would leave a transaction open behind it, and every other writer of the file waiting (seen: 60 s, until the
    busy timeout of the store). So the work goes on when its caller is gone, and `settle` waits for it.
    """

    def __init__(self, connection: aiosqlite.Connection, *, serde: StrictSerializer) -> None:
        super().__init__(connection, serde=serde)
        self._work: set[asyncio.Task[Any]] = set()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._whole(super().aget_tuple(config))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await self._whole(super().aput(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._whole(super().aput_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._whole(super().adelete_thread(thread_id))

    async def settle(self) -> None:
        """Wait for what callers left behind; its failures are those of callers that are gone."""
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _whole(self, statement: Coroutine[Any, Any, T]) -> T:
        work = asyncio.create_task(statement)
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        return await asyncio.shield(work)


@asynccontextmanager
async def checkpointer(store: Store) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """A saver on the store's own database; what goes wrong with it inside the block is a `StoreError`."""
    if store.url.get_backend_name() == "sqlite":
        with database_trouble(store.database, "write to", (sqlite3.Error,)):
            async with aiosqlite.connect(str(store.url.database), timeout=BUSY_SECONDS) as connection:
                await connection.execute("PRAGMA journal_mode=WAL")
                await connection.execute("PRAGMA synchronous=NORMAL")
                saver = _WholeSaver(connection, serde=StrictSerializer())
                try:
                    yield saver
                finally:
                    await saver.settle()
        return
    try:
        import psycopg
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    except ModuleNotFoundError as error:
        raise UserError("a PostgreSQL store needs the extra: pip install 'gristmill[postgres]'") from error
    url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with database_trouble(store.database, "write to", (psycopg.Error,)):
        async with AsyncPostgresSaver.from_conn_string(url, serde=StrictSerializer()) as postgres:
            await postgres.setup()
            yield postgres
