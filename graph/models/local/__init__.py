"""The small model that runs in this process: fetching, loading, generating."""

from __future__ import annotations

__all__: list[str] = []
