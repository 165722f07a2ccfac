"""``--model mailbox``: requests wait in the store until a person or a coding agent answers them."""

from __future__ import annotations

__all__: list[str] = []
