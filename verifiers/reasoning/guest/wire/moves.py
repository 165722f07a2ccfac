"""Moves, assignments, durations: answers in a notation of their own, as strict grammars.

Against letters that a game passes over, moves beside the point, and a mapping that names a letter twice: all of an
answer is moves, each in the notation that was asked for.
"""

from __future__ import annotations

import re

from gristmill.verifiers.reasoning.guest.wire.tables import strings

__all__ = ["directions", "duration", "hanoi", "mapping", "point", "pours", "presses", "pushes", "roles", "swaps"]

# A=1
_PAIR = re.compile(r" ?([A-Z]) ?= ?([0-9]) ?")
# fill A, empty B, pour A->C
_POUR = re.compile(r"(?:(fill|empty) ([A-Z])|(pour) ([A-Z])->([A-Z]))")
# w,C3,B1
_SWAP = re.compile(r"([wB]),([A-Z][0-9]{1,2}),([A-Z][0-9]{1,2})")
# Move disk 1 from Peg 2 to Peg 3
_DISK = re.compile(r"Move disk ([1-9][0-9]?) from Peg ([1-9][0-9]?) to Peg ([1-9][0-9]?)")
# Zoey is a fool
_ROLE = re.compile(r"([A-Za-z]{1,30}) is an? ([A-Za-z]{1,30})")
# 3 days, 01:45:29.840 and 01:45 and 34 days
_DURATION = re.compile(
    r"(?:(0|[1-9][0-9]{0,6}) days?)?"
    r"(?:(?:(?<=[sy]), |^)([0-9]{2,4}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{3}))?)?)?"
)
# J7
_POINT = re.compile(r"([A-Za-z])([1-9][0-9]?)")


def mapping(answer: str) -> list[list[object]]:
    """``A=1,B=2`` as pairs."""
    pairs = [_PAIR.fullmatch(part) for part in answer.strip().split(",")]
    return [[pair[1], int(pair[2])] for pair in _all(pairs)]


def pours(answer: str) -> list[list[str]]:
    """A JSON list of moves with jugs: ``["fill", "A"]`` or ``["pour", "A", "B"]`` each."""
    moves = _all([_POUR.fullmatch(move) for move in strings(answer)])
    return [[part for part in move.groups() if part is not None] for move in moves]


def swaps(answer: str) -> list[list[str]]:
    """A JSON list of moves of knights, or no moves at all for the answer ``No``."""
    if answer.strip().lower() == "no":
        return []
    moves = _all([_SWAP.fullmatch(move) for move in strings(answer)])
    if not moves:
        raise ValueError("no moves")
    return [list(move.groups()) for move in moves]


def hanoi(answer: str) -> list[list[int]]:
    """Disk, from, to; one move a line."""
    moves = [_DISK.fullmatch(line.strip()) for line in answer.strip().split("\n")]
    return [[int(part) for part in move.groups()] for move in _all(moves)]


def roles(answer: str) -> list[list[str]]:
    """Name and role of each in a sentence, in lower case."""
    parts = re.split(r", and | and |, ", " ".join(answer.split()).removesuffix("."))
    return [[part.lower() for part in match.groups()] for match in _all([_ROLE.fullmatch(each) for each in parts])]


def duration(answer: str) -> list[int]:
    """Days and milliseconds; -1 for the one that is not named."""
    match = _DURATION.fullmatch(answer.strip())
    if match is None or not answer.strip():
        raise ValueError("no duration")
    days, hours, minutes, seconds, thousandths = match.groups()
    clock = -1
    if hours is not None:
        clock = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)) * 1000 + int(thousandths or 0)
    return [-1 if days is None else int(days), clock]


def presses(answer: str) -> list[str]:
    """Buttons with arrows between them."""
    buttons = [part.strip() for part in answer.strip().replace("->", "→").split("→")]
    if not all(re.fullmatch(r"[A-C]", each) for each in buttons):
        raise ValueError("no buttons")
    return buttons


def pushes(answer: str) -> str:
    """Letters L, R, U, D."""
    if not re.fullmatch(r"[LRUD]{1,5000}", answer.strip()):
        raise ValueError("no moves")
    return answer.strip()


def directions(answer: str) -> list[str]:
    """``left``, ``right``, ``up``, ``down``, or ``infeasible`` alone."""
    words = answer.split()
    if not words or (words != ["infeasible"] and not all(each in ("left", "right", "up", "down") for each in words)):
        raise ValueError("no directions")
    return words


def point(answer: str) -> list[object]:
    """A point of a go board: column and row."""
    (match,) = _all([_POINT.fullmatch(answer.strip())])
    return [match[1].upper(), int(match[2])]


def _all(matches: list[re.Match[str] | None]) -> list[re.Match[str]]:
    whole = [each for each in matches if each is not None]
    if len(whole) != len(matches):
        raise ValueError("not in the notation")
    return whole
