"""Fenced blocks in a reply, as models write them rather than as CommonMark wants them."""

from __future__ import annotations

import re
import textwrap
from collections import deque
from typing import NamedTuple

__all__ = ["Block", "blocks", "indented"]

_PYTHON = frozenset({"", "python", "py", "python3", "py3", "python2", "pycon", "ipython", "ipython3", "code"})
_MOST = 64
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[^`\n]{0,200}")
_TRAILING = re.compile(r"(`{3,}|~{3,})[ \t]*(python3?|py|cpp|c\+\+|javascript|js)[ \t]*")
_ON_ONE_LINE = re.compile(r"`{3}(?:python3? |py )?([^`]{1,2000})`{3}")
_HEADING = re.compile(r"#{1,6}[ \t]+(.{1,200})|\*\*([^*]{1,200})\*\*:?")
_LEAD = 400


class Block(NamedTuple):
    """One fenced block; `lead` is what was said last before it, `heading` what it stands under, `after` what follows.

    These three are one line each, cut to 400 characters.
    """

    text: str
    language: str
    closed: bool
    lead: str = ""
    heading: str = ""
    after: str = ""

    @property
    def other(self) -> bool:
        """Whether the fence says that this is no Python."""
        return self.language not in _PYTHON


class _Around:
    """What is said around blocks, as lines come."""

    def __init__(self) -> None:
        self.found: deque[Block] = deque(maxlen=_MOST)
        self._lead = self._heading = ""
        self._just = False

    def line(self, bare: str) -> None:
        """A line outside of blocks."""
        if not bare:
            return
        if self._just:
            self.found[-1] = self.found[-1]._replace(after=bare[:_LEAD])
            self._just = False
        if heading := _HEADING.fullmatch(bare):
            self._heading, self._lead = (heading[1] or heading[2]), ""
        else:
            self._lead = bare[-_LEAD:]

    def block(self, lines: list[str], language: str, *, closed: bool) -> None:
        """A block has ended."""
        self.found.append(Block(_dedent(lines), language, closed, self._lead, self._heading))
        self._lead, self._just = "", True


def blocks(text: str) -> list[Block]:
    """The fenced blocks of `text`, in order; of more than 64 the last ones.

    A fence may be indented, follow prose on its line if it names Python, C++ or JavaScript, hold everything on one
    line, or never be closed. A fence with such a language that stands inside an open block begins a new one: the first
    was never closed.
    """
    around = _Around()
    mark = language = ""
    inside: list[str] = []
    for line in text.split("\n"):
        bare = line.strip()
        if not mark:
            if whole := _ON_ONE_LINE.fullmatch(bare):
                around.block([whole[1].strip()], "", closed=True)
            elif opened := _FENCE.fullmatch(bare) or _at_the_end(bare):
                if opened.start():
                    around.line(bare[: opened.start()].strip())
                mark, language, inside = opened[1], opened[2].lower(), []
            else:
                around.line(bare)
        elif bare.startswith(mark) and not bare.strip(mark[0]):
            around.block(inside, language, closed=True)
            mark = ""
        elif bare.startswith(mark) and _TRAILING.fullmatch(bare):
            around.block(inside, language, closed=False)
            opened = _TRAILING.fullmatch(bare)
            mark, language, inside = opened[1], opened[2].rstrip("3"), []  # type: ignore[index]  # just matched
        else:
            inside.append(line)
    if mark:
        around.block(inside, language, closed=False)
    return list(around.found)


def indented(text: str) -> list[Block]:
    """The blocks of a reply that has no fences and marks code as Markdown's oldest form does: by four blanks or a tab.

    One begins behind a blank line, and ends where a line is not indented any more.
    """
    around = _Around()
    inside: list[str] = []
    blank = True
    for line in [*text.split("\n"), "."]:
        if line.startswith(("    ", "\t")) and line.strip() and (inside or blank):
            inside.append(line)
        elif inside and not line.strip():
            inside.append("")
        else:
            if inside:
                around.block(inside, "", closed=True)
                inside = []
            around.line(line.strip())
        blank = not line.strip()
    return list(around.found)


def _dedent(lines: list[str]) -> str:
    """Without the fence's own indentation; text that has none stays as it is, to the last blank in a docstring."""
    text = "\n".join(lines)
    return textwrap.dedent(text) if all(line[:1].isspace() for line in lines if line.strip()) else text


def _at_the_end(line: str) -> re.Match[str] | None:
    where = max(line.rfind("```"), line.rfind("~~~"))
    return _TRAILING.fullmatch(line, where) if where > 0 else None
