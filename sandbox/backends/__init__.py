"""The walls: containers of an engine, bubblewrap, and a fake one for tests."""

from __future__ import annotations

__all__: list[str] = []
