"""The one encoding in which values cross the border."""

from __future__ import annotations

__all__: list[str] = []
