"""The host's side of warm workers."""

from __future__ import annotations

__all__: list[str] = []
