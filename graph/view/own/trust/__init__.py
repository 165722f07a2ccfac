"""Pages on how far the verdicts of a run can be trusted."""

from __future__ import annotations

__all__: list[str] = []
