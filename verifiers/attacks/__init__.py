"""Ways to cheat a judge, as candidates: what `gristmill attack` runs against a task's own tests."""

from __future__ import annotations

__all__: list[str] = []
