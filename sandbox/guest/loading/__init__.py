"""How texts that a job was sent become modules."""

from __future__ import annotations

__all__: list[str] = []
