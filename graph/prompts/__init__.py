"""What a model is sent: the Markdown files, and how they are filled."""

from __future__ import annotations

__all__: list[str] = []
