"""Whether a program was there before, whatever its names and layout, told before it is evaluated.

Never to repeat oneself is worth more than islands: `benchmarks/strategies.py` has (1+1) with and without repeats beside
every strategy. What a search has deleted is known too: every program that was proposed is, whether it survived or not.

First the tree: Python is parsed, and what cannot change what it does is dropped (layout, comments, docstrings,
annotations), and every name that a scope binds is numbered in the order in which it comes, so that a renamed copy is
the same text. Names of attributes and of what tests call stay: others may use these. Then, where less than the whole
counts (`likeness` below 1), MinHash (Broder 1997, by `rensa`): signatures of 128 numbers over pairs of neighbouring
lines of that text, and programs whose estimated Jaccard likeness reaches it are the same.

Departures: literals stay, since a program with another constant is another program; and a model's embedding, as
ShinkaEvolve asks (cosine .99), is not asked: it costs a call and cannot tell a constant from a comment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gristmill.graph.search.rows import Place
from gristmill.verifiers.extraction.canonical import canonical

__all__ = ["Alike", "Neighbour", "Novelty"]

_LINES = 2
"""Neighbouring lines that make one element of what signatures are made of."""
_NUMBERS, _BANDS = 128, 16
_CLOSE = 0.8
_AT_WORK = 64
"""Programs whose trees are not looked at again."""


class Neighbour(NamedTuple):
    """Who was there before, and how alike: 1 is the same but for names and layout."""

    id: str
    likeness: float


class Alike:
    """Sets of texts, and which of them are alike, by MinHash; needs `rensa`.

    Args:
        likeness: the estimated Jaccard likeness from which on two count, in (0, 1).
    """

    def __init__(self, likeness: float) -> None:
        from rensa import RMinHashLSH

        self._likeness = likeness
        # Sixteen bands find 95% of what is alike by .8 and all above; what is less alike takes more of them.
        self._near = RMinHashLSH(likeness, _NUMBERS, _BANDS if likeness >= _CLOSE else 2 * _BANDS)
        self._signatures: list[Any] = []

    def add(self, elements: Sequence[str]) -> int:
        """Know a set from now on, by the number that is given back: 0, 1, 2, …"""
        signature = self._signature(elements)
        self._near.insert(len(self._signatures), signature)
        self._signatures.append(signature)
        return len(self._signatures) - 1

    def near(self, elements: Sequence[str]) -> Iterator[tuple[int, float]]:
        """The numbers of those known that are so alike, and how alike they are."""
        signature = self._signature(elements)
        for number in self._near.query(signature):
            likeness = signature.jaccard(self._signatures[number])
            if likeness >= self._likeness:
                yield number, likeness

    def _signature(self, elements: Sequence[str]) -> Any:
        from rensa import RMinHash

        signature = RMinHash(_NUMBERS, 1)
        signature.update(list(elements))
        return signature


class Novelty:
    """The programs that a task's search has proposed.

    Args:
        likeness: from which on programs count as one, in (0, 1]; below 1 `rensa` is needed.
        keep: names that tests call, and which are never numbered.
    """

    def __init__(self, likeness: float = 1.0, keep: Iterable[str] = ()) -> None:
        self._likeness = likeness
        self._keep = frozenset(keep)
        self._first: dict[bytes, tuple[Place, str]] = {}
        self._signed: list[tuple[Place, str, str | None]] = []
        self._near: Alike | None = None
        # A reply is asked about when it comes and added after its verdict; meanwhile others come.
        self._key = lru_cache(maxsize=_AT_WORK)(self._made)

    def compare(self, solution: str, given: str | None = None) -> None:
        """Have at hand what a program is known by: this is what takes time, and may be done in a thread."""
        self._key(solution, given)

    def add(self, id_: str, place: Place, solution: str, given: str | None = None) -> None:
        """A program was proposed; in any order, and twice is once. `given` is what it is run with, a part of it."""
        key, text = self._key(solution, given)
        first = self._first.get(key)
        if first is None or place < first[0]:
            self._first[key] = place, id_
        if self._likeness < 1 and first is None and text:
            self._sign(id_, place, text, given)

    def neighbour(self, solution: str, before: Place, given: str | None = None) -> Neighbour | None:
        """The first program of an earlier place that is the same as this one, and was given the same."""
        key, text = self._key(solution, given)
        first = self._first.get(key)
        if first is not None and first[0] < before:
            return Neighbour(first[1], 1.0)
        if self._likeness == 1 or not text or self._near is None:
            return None
        found = []
        for number, likeness in self._near.near(_pairs(text)):
            place, id_, with_ = self._signed[number]
            if place < before and with_ == given:
                found.append((-likeness, place, id_))
        return Neighbour(min(found)[2], -min(found)[0]) if found else None

    def _made(self, solution: str, given: str | None) -> tuple[bytes, str]:
        text = canonical(solution, self._keep) or ""
        said = f"{given} tree {text}" if text else f"{given} text {' '.join(solution.split())}"
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:16], text

    def _sign(self, id_: str, place: Place, text: str, given: str | None) -> None:
        if self._near is None:
            self._near = Alike(self._likeness)
        self._near.add(_pairs(text))
        self._signed.append((place, id_, given))


def _pairs(text: str) -> list[str]:
    lines = text.splitlines()
    return ["\n".join(lines[at : at + _LINES]) for at in range(max(1, len(lines) - _LINES + 1))]
