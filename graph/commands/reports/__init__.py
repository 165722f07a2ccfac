"""The command `winner`, and what `show` tells of how a search went."""

from __future__ import annotations

__all__: list[str] = []
