"""What a run came to, told of what is stored: how the best grew, what it goes back to, who brought it."""

from __future__ import annotations

__all__: list[str] = []
