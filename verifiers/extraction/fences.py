"""Fenced blocks in a reply, as models write them rather than as CommonMark wants them."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

__all__ = ["Block", "blocks"]

_PYTHON = frozenset({"", "python", "py", "python3", "py3", "python2", "pycon", "ipython", "code"})
_MOST = 64
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[^`\n]{0,200}")
_TRAILING = re.compile(r"(`{3,}|~{3,})[ \t]*(python3?|py|cpp|c\+\+|javascript|js)[ \t]*")
_ON_ONE_LINE = re.compile(r"`{3}(?:python3? |py )?([^`]{1,2000})`{3}")


class Block(NamedTuple):
    """One fenced block."""

    text: str
    language: str
    closed: bool

    @property
    def other(self) -> bool:
        """Whether the fence says that this is no Python."""
        return self.language not in _PYTHON


def blocks(text: str) -> list[Block]:
    """The fenced blocks of `text`, in order; of more than 64 the last ones.

    A fence may be indented, follow prose on its line if it names Python, C++ or JavaScript, hold everything on one
    line, or never be closed. A fence with such a language that stands inside an open block begins a new one: the first
    was never closed.
    """
    fenced: list[Block] = []
    mark = language = ""
    inside: list[str] = []
    for line in text.split("\n"):
        bare = line.strip()
        if not mark:
            if whole := _ON_ONE_LINE.fullmatch(bare):
                fenced.append(Block(whole[1].strip(), "", True))
            elif opened := _FENCE.fullmatch(bare) or _at_the_end(bare):
                mark, language, inside = opened[1], opened[2].lower(), []
        elif bare.startswith(mark) and not bare.strip(mark[0]):
            fenced.append(Block(_dedent(inside), language, True))
            mark = ""
        elif bare.startswith(mark) and _TRAILING.fullmatch(bare):
            fenced.append(Block(_dedent(inside), language, False))
            opened = _TRAILING.fullmatch(bare)
            mark, language, inside = opened[1], opened[2].rstrip("3"), []  # type: ignore[index]  # just matched
        else:
            inside.append(line)
    if mark:
        fenced.append(Block(_dedent(inside), language, False))
    return fenced[-_MOST:]


def _dedent(lines: list[str]) -> str:
    """Without the fence's own indentation; text that has none stays as it is, to the last blank in a docstring."""
    text = "\n".join(lines)
    return textwrap.dedent(text) if all(line[:1].isspace() for line in lines if line.strip()) else text


def _at_the_end(line: str) -> re.Match[str] | None:
    where = max(line.rfind("```"), line.rfind("~~~"))
    return _TRAILING.fullmatch(line, where) if where > 0 else None
