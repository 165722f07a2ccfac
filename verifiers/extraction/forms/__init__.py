"""The forms in which chat models hand over code: each read into plain source, or left as it is."""

from __future__ import annotations

__all__: list[str] = []
