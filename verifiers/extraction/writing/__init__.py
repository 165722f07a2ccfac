"""A syntax tree written down in one walk: what programs are compared by."""

from __future__ import annotations

__all__: list[str] = []
