"""A vLLM server of our own, and the proposer that asks it."""

from __future__ import annotations

__all__: list[str] = []
