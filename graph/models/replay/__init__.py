"""Recorded replies instead of a model, in this process or behind a server."""

from __future__ import annotations

__all__: list[str] = []
