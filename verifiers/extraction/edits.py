"""Changes to an earlier solution: SEARCH/REPLACE blocks and unified diffs, as models write them.

Models miscount lines and drop blanks at the ends of lines, so line numbers of a diff are ignored and such blanks do
not count; what is searched for must occur, and is replaced once. Nothing is guessed beyond that: a change that does
not apply is reported, and the caller looks for a full rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["Edit", "apply", "find_edits", "without_edits"]

Edit = tuple[tuple[str, ...], tuple[str, ...]]
"""Lines to find and lines to put in their place."""

_MOST = 100
_SEARCH = re.compile(r"<{5,9} ?SEARCH")
_DIVIDE = re.compile(r"={5,9}")
_REPLACE = re.compile(r">{5,9} ?REPLACE")
_HUNK = re.compile(r"@@(?: -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})?)?(?: ?@@.{0,500})?")
_HEADERS = ("diff --git ", "index ", "--- ", "+++ ", "new file mode ", "old mode ", "new mode ")


def find_edits(text: str) -> list[Edit]:
    """The changes in a reply, in order: SEARCH/REPLACE blocks if it has any, else the hunks of a unified diff."""
    # Most replies have neither, which their text tells at once.
    edits = _blocks(text.split("\n")) if "SEARCH" in text else []
    return edits or (_hunks(text.split("\n")) if "@@" in text else [])


def without_edits(text: str) -> str:
    """The reply without its SEARCH/REPLACE blocks and hunks: where a full rewrite may stand."""
    kept: list[str] = []
    inside = ""
    for line in text.split("\n"):
        bare = line.strip()
        if _SEARCH.fullmatch(bare):
            inside = "block"
        elif inside == "block":
            inside = "" if _REPLACE.fullmatch(bare) else inside
        elif _HUNK.fullmatch(line.rstrip()):
            inside = "hunk"
        elif inside == "hunk" and line[:1] in {"+", "-", " ", "\\"}:
            continue
        else:
            inside = ""
            kept.append(line)
    return "\n".join(kept)


def apply(source: str, edits: Sequence[Edit]) -> str | None:
    """`source` with every change made, in order; None if one of them does not apply."""
    lines = source.rstrip("\n").split("\n")  # not splitlines: a line separator inside a string is no new line
    if len(edits) > _MOST:
        return None
    for old, new in edits:
        where = _find(lines, old)
        if where is None:
            return None
        lines[where : where + len(old)] = new
    return "\n".join(lines) + "\n"


def _find(lines: Sequence[str], old: Sequence[str]) -> int | None:
    if not old:
        return len(lines)  # nothing to search for: the new lines are added at the end
    # One search in one string: comparing list slices is quadratic, and a model may write what it likes.
    text = "\n" + "".join(f"{line.rstrip()}\n" for line in lines)
    start = text.find("\n" + "".join(f"{line.rstrip()}\n" for line in old))
    return None if start < 0 else text.count("\n", 0, start)


def _blocks(lines: Sequence[str]) -> list[Edit]:
    edits: list[Edit] = []
    old: list[str] = []
    new: list[str] = []
    part = ""
    for line in lines:
        bare = line.strip()
        if _SEARCH.fullmatch(bare):
            old, new, part = [], [], "old"
        elif part == "old" and _DIVIDE.fullmatch(bare):
            part = "new"
        elif part == "new" and _REPLACE.fullmatch(bare):
            edits.append((tuple(old), tuple(new)))
            part = ""
        elif part:
            (old if part == "old" else new).append(line)
    return edits


def _hunks(lines: Sequence[str]) -> list[Edit]:
    edits: list[Edit] = []
    old: list[str] = []
    new: list[str] = []
    inside = False
    for line in [*lines, "```"]:
        if _HUNK.fullmatch(line.rstrip()):
            if inside:
                edits.append((tuple(old), tuple(new)))
            old, new, inside = [], [], True
        elif inside and line.startswith(_HEADERS[:2]):
            continue
        elif inside and (line[:1] in {"+", "-", " ", "\\"} or not line):
            mark, rest = line[:1], line[1:]
            if mark in {"-", " ", ""}:
                old.append(rest)
            if mark in {"+", " ", ""}:
                new.append(rest)
        elif inside:
            edits.append((tuple(old), tuple(new)))
            inside = False
    return [(_trim(old, new)) for old, new in edits if old != new]


def _trim(old: tuple[str, ...], new: tuple[str, ...]) -> Edit:
    """Blank lines that both sides end with are talk after the diff, as often as context: they need not be found."""
    blank = 0
    for one, other in zip(reversed(old), reversed(new), strict=False):
        if one.strip() or other.strip():
            break
        blank += 1
    return old[: len(old) - blank], new[: len(new) - blank]
