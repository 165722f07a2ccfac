"""The secret of a run: what its searched functions are judged with, kept where no sandbox and no model looks."""

from __future__ import annotations

import secrets

from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record

__all__ = ["kept_secret"]

_KIND, _KEY = "secret", "trained"


class _Secret(Record):
    hex: str


def kept_secret(store: Store, run: str) -> bytes:
    """The run's secret, drawn when it is first asked for: a resumed run judges as it did before.

    Raises:
        StoreError: the store cannot be read or written.
    """
    store.documents.add(_KIND, run, _KEY, _Secret(hex=secrets.token_hex(32)))
    kept = store.documents.get(_KIND, run, _KEY, _Secret)
    if kept is None:
        raise LookupError("a document that was just kept is gone")
    return bytes.fromhex(kept.hex)
