"""Verdicts for many candidates at once, from a file or as replies arrive."""

from __future__ import annotations

__all__: list[str] = []
