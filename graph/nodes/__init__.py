"""One module per node of the loop. A node reads ids from the state and verdicts from the store, and may run twice."""

from __future__ import annotations

__all__: list[str] = []
