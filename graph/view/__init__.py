"""The page that somebody keeps open beside a run: it reads the store, and knows no room; rooms register their views."""

from __future__ import annotations

__all__: list[str] = []
