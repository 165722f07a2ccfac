"""What all tests of a task come to."""

from __future__ import annotations

__all__: list[str] = []
