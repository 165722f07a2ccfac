"""Constructions on which later programs build, by the sha256 of their encoding: none is taken for another.

What lies on a shelf was scored by the judge, so it holds plain numbers in lists and nothing else. Against a shelf that
is not what it was: what is found under a name and does not have it is not handed to any program.
"""

from __future__ import annotations

import hashlib
from typing import Final

from gristmill.sandbox.errors import InfrastructureError
from gristmill.verifiers.base import Shelf

__all__ = ["MOST_BYTES", "MOST_NOTES", "MemoryShelf", "construction_of", "name_of"]

MOST_BYTES: Final = 2 << 20
"""Of a construction that is kept: more than the longest list that a problem allows takes as floats."""
MOST_NOTES: Final = 1024
"""Bytes of a program's notes, in UTF-8."""


class MemoryShelf:
    """Keeps constructions as long as it lives."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    async def keep(self, name: str, made: bytes) -> None:
        """See `gristmill.verifiers.base.Shelf`."""
        self._made[name] = made

    async def find(self, name: str) -> bytes | None:
        """See `gristmill.verifiers.base.Shelf`."""
        return self._made.get(name)


def name_of(made: bytes) -> str:
    """The name of a construction."""
    return hashlib.sha256(made).hexdigest()


async def construction_of(shelf: Shelf, name: str) -> bytes:
    """The construction of that name.

    Raises:
        InfrastructureError: it is not there, or what is there is another one. Nothing is known of whoever needs it.
    """
    made = await shelf.find(name)
    if made is None:
        raise InfrastructureError(f"the construction {name[:12]}, on which the program is to build, is not kept here")
    if name_of(made) != name:
        raise InfrastructureError(f"what is kept as the construction {name[:12]} is another one: it was changed")
    return made
