"""Several models in one run: who is asked, how much each may be asked, and files that say both."""

from __future__ import annotations

__all__: list[str] = []
