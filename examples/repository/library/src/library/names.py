"""How authors are sorted and shown."""

from __future__ import annotations

PARTICLES = frozenset(("van", "von", "de", "la", "der", "den"))


def sort_key(name: str) -> tuple[str, str]:
    """`Ludwig van Beethoven` sorts as (beethoven, ludwig van), as libraries in English do."""
    *given, family = name.split()
    return family, " ".join(given).casefold()


def shown(name: str) -> str:
    """`Beethoven, Ludwig van`."""
    *given, family = name.split()
    return f"{family}, {' '.join(given)}" if given else family
