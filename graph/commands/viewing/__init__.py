"""Commands that show what goes on: in a browser, and in a terminal."""

from __future__ import annotations

__all__: list[str] = []
