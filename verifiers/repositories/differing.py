"""Which lines of two texts differ: Myers' algorithm, with a bound on what it may cost.

`difflib` finds nearly the same, and takes minutes for texts that are made to be slow. What is compared here is a
model's, so the search has a budget of steps; where it is spent, what differs is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

__all__ = ["Opcode", "grouped"]

Opcode = tuple[str, int, int, int, int]
_STEPS = 1_000_000


def grouped(old: Sequence[str], new: Sequence[str], context: int = 3) -> list[list[Opcode]]:
    """`difflib`'s grouped opcodes of what differs, with so many lines around; empty where nothing does."""
    return list(_Told(_opcodes(old, new)).get_grouped_opcodes(context))


class _Told(SequenceMatcher[str]):
    """Groups opcodes that were found elsewhere."""

    def __init__(self, opcodes: list[Opcode]) -> None:
        super().__init__(None, "", "")
        self._told = opcodes

    def get_opcodes(self) -> list[Opcode]:  # type: ignore[override]  # the stub's are literals of the same strings
        return self._told


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    one, other = len(old), len(new)
    while one > begin and other > begin and old[one - 1] == new[other - 1]:
        one, other = one - 1, other - 1
    if begin == one == other == len(old) == len(new):
        return []
    same = [(begin + x, begin + y) for x, y in _common(old[begin:one], new[begin:other])]
    ahead = [(at, at) for at in range(begin)]
    behind = [(one + at, other + at) for at in range(len(old) - one)]
    return _from_pairs([*ahead, *same, *behind], len(old), len(new))


def _from_pairs(same: Sequence[tuple[int, int]], length: int, new_length: int) -> list[Opcode]:
    """Opcodes from the pairs of places that are equal, in order."""
    opcodes: list[Opcode] = []
    x = y = start = 0
    for number, (one, other) in enumerate([*same, (length, new_length)]):
        if one > x or other > y or number == len(same):
            if number > start:
                opcodes.append(("equal", x - (number - start), x, y - (number - start), y))
            if one > x or other > y:
                kind = "replace" if one > x and other > y else "delete" if one > x else "insert"
                opcodes.append((kind, x, one, y, other))
            start = number
        x, y = one + 1, other + 1
    return opcodes


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places of a longest common subsequence; none at all where finding it would cost too much."""
    length, new_length = len(old), len(new)
    if not length or not new_length:
        return []
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    steps = 0
    for distance in range(length + new_length + 1):
        trace.append(dict(furthest))
        steps += 2 * len(furthest)
        for diagonal in range(-distance, distance + 1, 2):
            down = diagonal == -distance or (
                diagonal != distance and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            begun = x
            while x < length and y < new_length and old[x] == new[y]:
                x, y = x + 1, y + 1
            steps += 1 + x - begun
            furthest[diagonal] = x
            if x >= length and y >= new_length:
                return _walked_back(trace, length, new_length)
        if steps > _STEPS:
            return []
    return []


def _walked_back(trace: Sequence[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    same: list[tuple[int, int]] = []
    for distance in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[distance], x - y
        down = diagonal == -distance or (
            diagonal != distance and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        before = diagonal + 1 if down else diagonal - 1
        there = furthest[before] if distance else 0
        begun = there if down or not distance else there + 1
        while x > begun and y > 0 and x > 0:
            x, y = x - 1, y - 1
            same.append((x, y))
        if distance:
            x, y = there, there - before
    return same[::-1]
