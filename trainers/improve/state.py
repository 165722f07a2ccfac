"""What travels through the outer graph."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["RoundsState"]


class RoundsState(TypedDict):
    """Where the mill stands; everything larger is in the store."""

    round: int
    adapter: str | None
