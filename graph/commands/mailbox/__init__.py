"""The commands `next` and `answer`: how somebody answers what a run asks the mailbox."""

from __future__ import annotations

__all__: list[str] = []
