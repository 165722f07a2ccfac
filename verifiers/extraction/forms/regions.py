"""Where a program may change: between the marks that its author has set, and nowhere else.

A region begins at a line `# gristmill: change` (or OpenEvolve's `# EVOLVE-BLOCK-START`) and ends at `# gristmill: end`
(`# EVOLVE-BLOCK-END`) or at the end of the file. A program without marks may change everywhere; marks in a string are
none. What a reply has between its marks is laid into the author's text, so that no reply can move a mark or change what
stands outside, and then the outside is looked at as Python reads it: a region that swallows what follows it in a string
or in brackets, decorates it or takes it into a block of its own changes it without touching a letter.
"""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from gristmill.sandbox.wire.files import HEAD
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.languages.parsing import parse

__all__ = [
    "BREAKS",
    "UNREADABLE",
    "Mark",
    "Parts",
    "RegionError",
    "blocks_of",
    "first_line_of",
    "laid",
    "marks",
    "marks_of",
    "outside",
    "parts",
    "regions",
]

# gristmill: change
_BEGIN = re.compile(r"#\s*(?:gristmill:\s*change|EVOLVE-BLOCK-START)\s*")
# EVOLVE-BLOCK-END
_END = re.compile(r"#\s*(?:gristmill:\s*end|EVOLVE-BLOCK-END)\s*")
# -*- coding: latin-1 -*-
_COOKIE = re.compile(r"[ \t\f]*#.*?coding[:=]")
UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError, tokenize.TokenError)
BREAKS = re.compile(r"\r\n?")


class RegionError(Exception):
    """What a reply has for the regions cannot be told, or does not leave the rest as it is; says why."""


class Parts(NamedTuple):
    """A program cut at its marks: before, between and behind its regions, one more than these, with the marks."""

    fixed: tuple[str, ...]
    regions: tuple[str, ...]

    def filled(self, regions: tuple[str, ...]) -> str:
        """The program with other regions."""
        text = self.fixed[0]
        for region, after in zip(regions, self.fixed[1:], strict=True):
            text += region if not region or not after or region.endswith("\n") else f"{region}\n"
            text += after
        return text


class Mark(NamedTuple):
    """A mark: its line, from 1, whether a region begins there, and how it is written."""

    line: int
    begins: bool
    text: str


def marks(source: str) -> list[Mark]:
    """Comments on lines of their own that are marks.

    Raises:
        SyntaxError, tokenize.TokenError: the program cannot be cut into tokens.
    """
    if not _BEGIN.search(source) and not _END.search(source):
        return []
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            begins = _BEGIN.fullmatch(token.string) is not None
            if begins or _END.fullmatch(token.string):
                found.append(Mark(token.start[0], begins, token.string.strip()))
    return found


@lru_cache(maxsize=64)
def regions(source: str) -> tuple[tuple[int, float], ...]:
    """First and last line of each region, from 1, the marks left out; one without bounds where there are no marks.

    Raises:
        SyntaxError, tokenize.TokenError: the program cannot be cut into tokens.
    """
    begun, found = 0, []
    for mark in marks(source):
        if mark.begins and not begun:
            begun = mark.line
        elif not mark.begins and begun:
            found.append((begun + 1, float(mark.line - 1)))
            begun = 0
    if begun:
        found.append((begun + 1, float("inf")))
    return tuple(found) or ((0, float("inf")),)


@lru_cache(maxsize=64)
def marks_of(source: str) -> tuple[str, str] | None:
    """How the author writes the marks; None where there are none, or the program cannot be read."""
    try:
        found = marks(source)
    except UNREADABLE:
        return None
    begins = [mark.text for mark in found if mark.begins]
    ends = [mark.text for mark in found if not mark.begins]
    return (begins[0], ends[0] if ends else "the end of the file") if begins else None


@lru_cache(maxsize=64)
def parts(source: str) -> Parts:
    """The program cut at its marks; all of it is fixed where it has none, or cannot be read."""
    source = BREAKS.sub("\n", source)
    try:
        found = regions(source)
    except UNREADABLE:
        found = ()
    if not found or found[0][0] == 0:
        return Parts((source,), ())
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", source)
    fixed, inside, at = [], [], 0
    for first, last in found:
        end = len(lines) if last == float("inf") else int(last)
        fixed.append("".join(lines[at : first - 1]))
        inside.append("".join(lines[first - 1 : end]))
        at = end
    return Parts((*fixed, "".join(lines[at:])), tuple(inside))


def laid(start: str, reply: str) -> str:
    """The program `start` with what a reply has for its regions.

    Regions are told by the marks of the reply; where it has none, by the text between them, which must be there as it
    was; and a reply that defines nothing of what stands outside is taken for the region, where there is only one.

    Raises:
        RegionError: the regions cannot be told, or with them what stands outside would not be what it was.
    """
    own, theirs = parts(start), parts(reply)
    if len(theirs.regions) == len(own.regions):
        return _checked(start, own, own.filled(theirs.regions))
    if theirs.regions:
        raise RegionError(
            f"it has {len(theirs.regions)} marked regions where the program to begin with has {len(own.regions)}"
        )
    said = BREAKS.sub("\n", reply)
    if (between := _between(own, said)) is not None:
        return _checked(start, own, own.filled(between))
    if len(own.regions) == 1 and not (_bound(said, ())[1] & _bound(start, regions(start))[1]):
        return _checked(start, own, own.filled((_indented(own, said),)))
    raise RegionError(
        "its marks are missing, and what stands outside the marked regions is not there as it was; answer with the "
        "whole program, marks and all, and change only what stands between them"
    )


def _indented(own: Parts, said: str) -> str:
    """A reply that is a region, as far in as that region is."""
    first = next((line for line in own.regions[0].split("\n") if line.strip()), "")
    return textwrap.indent(said, first[: len(first) - len(first.lstrip())])


def _checked(start: str, own: Parts, text: str) -> str:
    """`text`, if all but its regions is as in `start` for Python as well."""
    if len(text) > LIMIT:
        raise RegionError(f"with it the program has more than {LIMIT:,} characters")
    try:
        same = parts(text).fixed == own.fixed and outside(text) == outside(start)
    except UNREADABLE as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        why = f"with what it has between the marks the program does not parse{line}"
        raise RegionError(f"{why}: {getattr(error, 'msg', error)}") from None
    # Of a program of several files: a region that holds the beginning of one takes what follows it out of its own.
    same = same and text.count(f"\n{HEAD}") == start.count(f"\n{HEAD}")
    if not same or _cookies(text) != _cookies(start):
        raise RegionError("what it has between the marks changes what stands outside of them")
    inside, fixed = _bound(text, regions(text))
    if anew := inside & fixed - _bound(start, regions(start))[0]:
        names = ", ".join(f"`{name}`" for name in sorted(anew)[:3])
        raise RegionError(f"what it has between the marks defines {names} anew, which stands outside of them")
    return text


def _cookies(source: str) -> list[str]:
    """The first lines that could say how a file is encoded, and so change how all of it is read."""
    return [line for line in source.split("\n")[:2] if _COOKIE.match(line)]


def _between(own: Parts, said: str) -> tuple[str, ...] | None:
    """The text between the fixed parts of a program whose marks are gone; None where one of these is not there."""
    lines = said.split("\n")
    wanted = [_bare(text) for text in own.fixed]
    if not all(wanted[1:-1]):
        return None  # nothing stands between two of the regions
    bare = [line.rstrip() for line in lines]
    begin = next((at for at, line in enumerate(bare) if line), 0) if wanted[0] else 0
    if bare[begin : begin + len(wanted[0])] != wanted[0]:
        return None
    begin += len(wanted[0])
    end = len(bare)
    while end > begin and wanted[-1] and not bare[end - 1]:
        end -= 1
    if wanted[-1]:
        if bare[max(begin, end - len(wanted[-1])) : end] != wanted[-1]:
            return None
        end -= len(wanted[-1])
    found = []
    for part in wanted[1:-1]:
        at = next((at for at in range(begin, end - len(part) + 1) if bare[at : at + len(part)] == part), None)
        if at is None:
            return None
        found.append("\n".join(lines[begin:at]).strip("\n"))
        begin = at + len(part)
    return (*found, "\n".join(lines[begin:end]).strip("\n"))


def _bare(text: str) -> list[str]:
    """The lines of a fixed part without marks and without the empty lines at its ends."""
    kept = [
        line.rstrip() for line in text.split("\n") if not any(shape.fullmatch(line.strip()) for shape in (_BEGIN, _END))
    ]
    while kept and not kept[0]:
        kept.pop(0)
    while kept and not kept[-1]:
        kept.pop()
    return kept


@lru_cache(maxsize=16)
def _bound(source: str, bounds: tuple[tuple[int, float], ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a program binds at its top level within these lines, and outside; imports are left out."""
    try:
        body = parse(source).body
    except UNREADABLE:
        return frozenset(), frozenset()
    names: tuple[set[str], set[str]] = set(), set()
    for node in body:
        own = names[not _inside(node, bounds)]
        own.add(getattr(node, "name", ""))
        targets = ast.walk(node) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) else ()
        own |= {each.id for each in targets if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return frozenset(names[0] - {""}), frozenset(names[1] - {""})


def outside(source: str) -> str:
    """What Python reads outside the regions: the tree without the statements that lie within one."""
    source = BREAKS.sub("\n", source)
    return _tree_outside(source, regions(source))


@lru_cache(maxsize=16)
def _tree_outside(source: str, bounds: tuple[tuple[int, float], ...]) -> str:
    tree = parse(source)
    left: list[list[ast.stmt]] = [tree.body]
    while left:
        body = left.pop()
        body[:] = [node for node in body if not _inside(node, bounds)]
        for node in body:
            left.extend(blocks_of(node))
    return ast.dump(tree)


def _inside(node: ast.stmt, bounds: tuple[tuple[int, float], ...]) -> bool:
    first, last = first_line_of(node), node.end_lineno or node.lineno
    return any(begin <= first and last <= end for begin, end in bounds)


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
    for name in ("handlers", "cases"):
        for part in getattr(node, name, ()):
            yield part.body


def first_line_of(node: ast.stmt) -> int:
    """The line on which a statement begins, decorators and all."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])
