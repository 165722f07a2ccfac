"""Where a program may change, and its text after it has: whatever lies outside keeps every byte.

Which regions may change is `gristmill.verifiers.extraction.forms.regions`'s to say. A program without one may change
everywhere; statements of it that stay as they are keep their text, comments and all.
"""

from __future__ import annotations

import ast
import re
import textwrap
import threading
import tokenize
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise

from gristmill.verifiers.extraction.forms.regions import blocks_of, first_line_of, regions
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.languages.parsing import parse

__all__ = ["Program", "Slot", "parsed", "size"]

_MOST_REGIONS, _MOST_NODES = 200, 10_000
"""A model's program may be of any length; what is larger is left alone, as every change walks through all of it."""
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass
class _Original:
    """A statement as it stood in the source: its lines, from 1, and what it said."""

    node: ast.stmt
    first: int
    last: int
    dump: str


@dataclass
class Slot:
    """Neighbouring statements of one block that may change; `owner` is the list that they stand in, from `at` on."""

    statements: list[ast.stmt]
    owner: list[ast.stmt]
    at: int
    originals: list[_Original] = field(default_factory=list)

    def put_back(self) -> None:
        """Take the statements, as they are now, into the tree."""
        self.owner[self.at : self.at + len(self.originals)] = self.statements or [ast.Pass()]


@dataclass
class Program:
    """A parsed program. Its tree may be changed inside `slots`; then `text` has the new source."""

    source: str
    tree: ast.Module
    slots: list[Slot]

    def text(self) -> str:
        """The source as the slots have it now; the tree is complete after it."""
        lines = _LINES.findall(self.source)
        newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        # From the last on, so that the numbers of lines before it stay right.
        for slot in sorted(self.slots, key=lambda slot: -slot.originals[0].first):
            for first, last, text in reversed(_replacements(slot, lines)):
                lines[first - 1 : last] = [line + newline for line in text.split("\n")]
            slot.put_back()
        return "".join(lines)


def parsed(source: str) -> Program | None:
    """A program that may be changed, or None where `source` does not parse or is too long."""
    if len(source) > LIMIT:
        return None
    try:
        tree = parse(source)
        bounds = regions(source)
        with _LOCK:
            known = _SAID.get(source)
        small = known is not None or (len(bounds) <= _MOST_REGIONS and size(tree) <= _MOST_NODES)
        # What was too large was remembered without a statement, as what has none is.
        slots = _slots(tree.body, bounds) if small and known != [] else []
        _said(source, slots, known)
    except (SyntaxError, ValueError, MemoryError, RecursionError, tokenize.TokenError):
        return None
    return Program(source, tree, slots)


def size(tree: ast.AST) -> int:
    """Nodes of a syntax tree."""
    return sum(1 for _ in ast.walk(tree))


def _slots(body: list[ast.stmt], bounds: tuple[tuple[int, float], ...]) -> list[Slot]:
    """Runs of statements that lie within one region, the outermost ones."""
    slots: list[Slot] = []
    inside = -1
    for at, node in enumerate(body):
        first, last = first_line_of(node), node.end_lineno or node.lineno
        region = next((n for n, (begin, end) in enumerate(bounds) if begin <= first and last <= end), -1)
        if region < 0:
            for block in blocks_of(node):
                slots += _slots(block, bounds)
        elif region == inside:
            slots[-1].statements.append(node)
            slots[-1].originals.append(_Original(node, first, last, ""))
        else:
            slots.append(Slot([node], body, at, [_Original(node, first, last, "")]))
        inside = region
    return slots


_LOCK = threading.Lock()
_SAID: OrderedDict[str, list[str]] = OrderedDict()
_REMEMBERED = 256
"""Programs whose statements were dumped already: a parent is parsed again for each of its children."""


def _said(source: str, slots: list[Slot], known: list[str] | None) -> None:
    """Give every original its dump."""
    originals = [each for slot in slots for each in slot.originals]
    if known is None:
        known = [ast.dump(each.node) for each in originals]
        with _LOCK:
            _SAID[source] = known
            if len(_SAID) > _REMEMBERED:
                _SAID.popitem(last=False)
    for each, dump in zip(originals, known, strict=True):
        each.dump = dump


def _replacements(slot: Slot, lines: list[str]) -> list[tuple[int, int, str]]:
    """(first line, last line, text) of what changes, in order."""
    originals = slot.originals
    shared = {one.last for one, two in pairwise(originals) if one.last >= two.first}
    indent = lines[originals[0].first - 1]
    indent = indent[: len(indent) - len(indent.lstrip(" \t\f"))]
    same = [
        node is one.node and ast.dump(node) == one.dump for node, one in zip(slot.statements, originals, strict=False)
    ]
    if len(slot.statements) == len(originals) and all(same):
        return []
    if len(slot.statements) == len(originals) and not shared:
        return [
            (one.first, one.last, _written(node, indent))
            for node, one, kept in zip(slot.statements, originals, same, strict=True)
            if not kept
        ]
    kept_text = {
        id(one.node): "".join(lines[one.first - 1 : one.last]).rstrip("\r\n").replace("\r\n", "\n")
        for one in originals
        if not shared and ast.dump(one.node) == one.dump
    }
    said = [kept_text.get(id(node)) or _written(node, indent) for node in slot.statements] or [f"{indent}pass"]
    return [(originals[0].first, originals[-1].last, "\n".join(said))]


def _written(node: ast.stmt, indent: str) -> str:
    return textwrap.indent(ast.unparse(ast.fix_missing_locations(node)), indent)
