"""Files of tasks: reading, checking, importing, generating them; and the commands that do."""

from __future__ import annotations

__all__: list[str] = []
