"""Pure decisions of the loop: which hypothesis is better, when a task ends, what may still be spent."""

from __future__ import annotations

__all__: list[str] = []
