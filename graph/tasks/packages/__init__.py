"""Programs of several files in files of tasks."""

from __future__ import annotations

__all__: list[str] = []
