"""From the text of a reply to something that can be judged."""

from __future__ import annotations

__all__: list[str] = []
