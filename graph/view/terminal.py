"""Commands for a terminal that a page names."""

from __future__ import annotations

import shlex

from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import option_for
from gristmill.graph.view.registry import Asked

__all__ = ["in_terminal"]


def in_terminal(store: Store, asked: Asked, *words: str) -> str:
    """A line that people copy, from wherever they are; of a page for the public it does not say where the store is."""
    where = [] if asked.public else option_for(store.location)
    return shlex.join(["gristmill", *words, *where])
