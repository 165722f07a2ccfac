"""The file system that jobs see, and which libraries it needs."""

from __future__ import annotations

__all__: list[str] = []
