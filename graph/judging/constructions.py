"""The constructions that programs of a run build on: documents of the store, by their sha256."""

from __future__ import annotations

import asyncio

from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record

__all__ = ["StoredShelf"]

_KIND = "construction"


class _Construction(Record):
    encoded: str


class StoredShelf:
    """A run's shelf (see `gristmill.verifiers.base.Shelf`): what is kept is there before the verdict that names it.

    So a killed run finds it again, and who judges a row once more later can give its program the same construction.
    """

    def __init__(self, store: Store, run: str) -> None:
        self._documents = store.documents
        self._run = run

    async def keep(self, name: str, made: bytes) -> None:
        """See `gristmill.verifiers.base.Shelf`."""
        record = _Construction(encoded=made.decode("ascii"))
        await asyncio.to_thread(self._documents.add, _KIND, self._run, name, record)

    async def find(self, name: str) -> bytes | None:
        """See `gristmill.verifiers.base.Shelf`."""
        kept = await asyncio.to_thread(self._documents.get, _KIND, self._run, name, _Construction)
        return None if kept is None else kept.encoded.encode()
