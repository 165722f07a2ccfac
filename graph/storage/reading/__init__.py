"""What is asked of the store's tables."""

from __future__ import annotations

__all__: list[str] = []
