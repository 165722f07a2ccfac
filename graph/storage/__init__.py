"""What a run keeps: the database, its tables and entries, and the checkpoints beside them."""

from __future__ import annotations

__all__: list[str] = []
