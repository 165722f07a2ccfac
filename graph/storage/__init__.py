"""What a run keeps: the database, its tables and entries."""

from __future__ import annotations

__all__: list[str] = []
