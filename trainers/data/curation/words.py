"""Texts as words: runs of them that are too long to be met by chance, and short ones that near-copies share."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["masked", "neighbours", "runs", "words"]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


def words(text: str) -> list[str]:
    """The words of a text, case, punctuation and layout aside; numbers are words."""
    return _WORD.findall(text.lower())


def runs(said: Sequence[str], length: int) -> set[str]:
    """All runs of `length` words, each as one text."""
    return {" ".join(said[at : at + length]) for at in range(len(said) - length + 1)}


def neighbours(said: Sequence[str], length: int = 3) -> frozenset[tuple[str, ...]]:
    """The runs that near-copies share. A text shorter than one is one."""
    return frozenset(tuple(said[at : at + length]) for at in range(max(1, len(said) - length + 1)))


def masked(run: str) -> str:
    """A run with its numbers as one: templates differ in these."""
    return _NUMBER.sub("0", run)
