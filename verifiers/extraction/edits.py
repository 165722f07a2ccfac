"""Changes to an earlier solution: SEARCH/REPLACE blocks and unified diffs, as models write them.

Models miscount lines and drop blanks at the ends of lines, so line numbers of a diff are ignored and such blanks do
not count; what is searched for must occur, and is replaced once. Lines that only lack their indentation, and a part of
a line, are found where they occur once and nowhere else. Nothing is guessed beyond that: a change that does not apply
is reported with the line that comes nearest, and the caller looks for a full rewrite.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

__all__ = ["Edit", "apply", "find_edits", "why_unapplied", "without_edits"]

Edit = tuple[tuple[str, ...], tuple[str, ...]]
"""Lines to find and lines to put in their place."""

_MOST = 100
_SEARCH = re.compile(r"<{5,9} ?SEARCH")
_DIVIDE = re.compile(r"={5,9}")
_REPLACE = re.compile(r">{5,9} ?REPLACE")
_HUNK = re.compile(r"@@(?: -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})?)?(?: ?@@.{0,500})?")
_FEWEST, _NEAR, _LINES, _SHOWN = 3, 120, 2000, 100
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
    lines, made = _applied(source, edits)
    return "\n".join(lines) + "\n" if made == len(edits) else None


def why_unapplied(source: str, edits: Sequence[Edit]) -> str:
    """The first change that does not apply, in words, with the line of `source` that comes nearest; empty if all do."""
    lines, made = _applied(source, edits)
    if len(edits) > _MOST:
        return f"there are {len(edits)} of them, and {_MOST} are made at most"
    if made == len(edits):
        return ""
    old = [line.strip() for line in edits[made][0] if line.strip()]
    which = f"change {made + 1} of {len(edits)}"
    there = {line.strip(): number for number, line in reversed([*enumerate(lines, 1)])}
    lost = next((line for line in old if line not in there), None)
    if not old:
        return f"{which} looks for blank lines that are not there"
    if lost is None or (len(old) == 1 and _count("\n".join(lines), lost) > 1):
        return f"{which} looks for {_quoted(old[0])}, which " + (
            "begins lines that do not follow one another like that" if len(old) > 1 else "stands there more than once"
        )
    cut = {line[:_NEAR]: line for line in list(there)[:_LINES] if line}
    near = difflib.get_close_matches(lost[:_NEAR], cut, n=1, cutoff=0.5)
    told = f"; the nearest is line {there[cut[near[0]]]}, {_quoted(cut[near[0]])}" if near else ""
    return f"{which} looks for {_quoted(lost)}, which is not there{told}"


def _applied(source: str, edits: Sequence[Edit]) -> tuple[list[str], int]:
    """(the lines after the changes up to the first that does not apply, how many were made)."""
    lines = source.rstrip("\n").split("\n")  # not splitlines: a line separator inside a string is no new line
    for made, (old, new) in enumerate(edits if len(edits) <= _MOST else ()):
        if (where := _find(lines, old)) is not None:
            lines[where : where + len(old)] = new
        elif (changed := _shifted(lines, old, new) or _part_replaced(lines, old, new)) is not None:
            lines = changed
        else:
            return lines, made
    return lines, len(edits) if len(edits) <= _MOST else 0


def _find(lines: Sequence[str], old: Sequence[str]) -> int | None:
    if not old:
        return len(lines)  # nothing to search for: the new lines are added at the end
    # One search in one string: comparing list slices is quadratic, and a model may write what it likes.
    text = "\n" + "".join(f"{line.rstrip()}\n" for line in lines)
    start = text.find("\n" + "".join(f"{line.rstrip()}\n" for line in old))
    return None if start < 0 else text.count("\n", 0, start)


def _shifted(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[str] | None:
    """The lines with the change made where `old` stands once, all of it further to the right or the left."""
    text = "\n" + "".join(f"{line.strip()}\n" for line in lines)
    wanted = "\n" + "".join(f"{line.strip()}\n" for line in old)
    start = text.find(wanted)
    if start < 0 or not wanted.strip() or text.find(wanted, start + 1) >= 0:
        return None
    where = text.count("\n", 0, start)
    pairs = [(_indent(here), _indent(given)) for here, given in zip(lines[where:], old, strict=False) if given.strip()]
    here, given = pairs[0]
    more, less = here.removesuffix(given), given.removesuffix(here)
    if not here.endswith(given) and not given.endswith(here):
        return None
    if any((more + it if here.endswith(given) else it.removeprefix(less)) != there for there, it in pairs):
        return None
    moved = [more + line if line.strip() and here.endswith(given) else line.removeprefix(less) for line in new]
    return [*lines[:where], *moved, *lines[where + len(old) :]]


def _part_replaced(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[str] | None:
    """The lines with the change made inside of them, where the text of `old` stands once."""
    text = "\n".join(lines)
    wanted, put = "\n".join(old), "\n".join(new)
    if len(old) == 1 and len(new) <= 1:
        wanted, put = wanted.strip(), put.strip()
    if len(wanted.strip()) < _FEWEST or _count(text, wanted) != 1:
        return None
    return text.replace(wanted, put).split("\n")


def _count(text: str, part: str) -> int:
    """0, 1, or 2 for more: places count where they overlap, too."""
    first = text.find(part)
    return 0 if first < 0 else 1 + (text.find(part, first + 1) >= 0)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _quoted(line: str) -> str:
    return f"`{line if len(line) <= _SHOWN else line[:_SHOWN] + '…'}`"


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
