"""What this room shows on the page of `gristmill view`, and the command that shows what all rooms have."""

from __future__ import annotations

__all__: list[str] = []
