"""An answer's text in pieces, at bracket depth 0: a separator within brackets or an environment parts nothing.

Against texts whose brackets are made to hide or to invent a part.
"""

from __future__ import annotations

import re

__all__ = ["encloses", "pieces_of", "separators", "split"]


def encloses(text: str) -> bool:
    """Whether the bracket that a text begins with closes at its end."""
    depth = 0
    plain = text.replace("\\{", "\x01{").replace("\\}", "\x01}")
    for place, each in enumerate(plain):
        depth += (each in "([{") - (each in ")]}")
        if depth == 0 and each in ")]}":
            return place == len(plain) - 1
    return False


def pieces_of(text: str, separator: re.Pattern[str]) -> list[tuple[str, str]]:
    """(part, the separator after it) at bracket depth 0, environments counted as brackets."""
    depth, start, place = 0, 0, 0
    parts: list[tuple[str, str]] = []
    while place < len(text):
        if text.startswith(("\\begin", "\\end"), place):
            depth += 1 if text.startswith("\\begin", place) else -1
        elif text[place] in "([{":
            depth += 1
        elif text[place] in ")]}":
            depth -= 1
        elif depth == 0 and (sign := separator.match(text, place)) and sign.end() > place:
            parts.append((text[start:place], sign[0].strip()))
            start = place = sign.end()
            continue
        place += 1
    return [*parts, (text[start:], "")]


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The parts between separators at depth 0."""
    return [part for part, _ in pieces_of(text, separator)]


def separators(text: str, separator: re.Pattern[str]) -> list[str]:
    """The separators at depth 0."""
    return [sign for _, sign in pieces_of(text, separator) if sign]
