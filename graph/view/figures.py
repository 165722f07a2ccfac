"""Numbers and times for people, with their units."""

from __future__ import annotations

__all__ = ["duration", "figure"]


def figure(value: float | None) -> str:
    """A number for people: six digits that count."""
    return "none" if value is None else f"{value:.6g}"


def duration(seconds: float) -> str:
    """A time for people, with its unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
