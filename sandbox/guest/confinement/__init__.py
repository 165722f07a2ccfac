"""What a job is locked into before it runs: users, Landlock, seccomp, limits."""

from __future__ import annotations

__all__: list[str] = []
