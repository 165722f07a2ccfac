"""Which of several blocks of Python is the answer, and which of the others belong to it.

Against answers that are lost in what models put around them: how to test it, what not to write, the key line once
more, a slower variant. What is said before a block only ranks it, and never takes away the one that there is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from gristmill.verifiers.extraction.cues import is_called_wrong, standing
from gristmill.verifiers.extraction.fences import Block
from gristmill.verifiers.extraction.forms.cleaning import readable
from gristmill.verifiers.extraction.forms.methods import as_entry
from gristmill.verifiers.extraction.source import (
    BUILTINS,
    bound_anywhere,
    cut_to_code,
    defined,
    first_line,
    imports_itself,
    joined,
    owned,
    says_something,
    starts,
    tree,
    used,
)

__all__ = ["Piece", "answer", "complete", "pieces", "whole_program"]

# "# ... rest of the code"  "# same as before"
_LEFT_OUT = re.compile(
    r"#\s{0,4}(?:\.\.\.|…)|#[^\n]{0,30}\b(?:rest of|same as|existing code|as before|as above|unchanged|your code here)",
    re.IGNORECASE,
)
_OF_LEFT_OUT = (
    "...",
    "…",
    "rest of",
    "same as",
    "existing code",
    "as before",
    "as above",
    "unchanged",
    "your code here",
)
"""What each of these holds: to look for all of them costs a tenth of looking for the marks."""
_READS = re.compile(r"\binput\s{0,4}\(|\bstdin\b|\bopen\s{0,4}\(\s{0,4}0\b|\bfileinput\b|\bos\.read\s{0,4}\(\s{0,4}0")
_PRINTS = re.compile(r"\bprint\s{0,4}\(|\bstdout\b|\bos\.write\s{0,4}\(\s{0,4}1")
_PATCHES = re.compile(r"\bsys\.stdin\s{0,4}=[^=]|\bsubprocess\b|\bmonkeypatch\b")
_PATCHED = ("stdin", "subprocess", "monkeypatch")  # what each of these holds
_TESTING = frozenset(("unittest", "pytest", "doctest", "hypothesis", "timeit"))
_MOST_PASSES = 4


class Piece(NamedTuple):
    """A block, read. `names` are those that it owns; `rank` is less the more the block looks like the answer."""

    source: str
    closed: bool
    parses: bool
    names: frozenset[str]
    usage: bool
    rank: tuple[int, ...]


def pieces(fenced: Sequence[Block], points: frozenset[str], *, program: bool) -> list[Piece]:
    """The blocks that are Python, or parse as it and define what is asked for, whatever their fences say."""
    found: list[tuple[Block, str, ast.Module | None]] = []
    for block in fenced:
        source = _read(block, points, program=program)
        module = tree(source)
        if block.other and (module is None or not (points <= owned(source) if points else source != block.text)):
            continue
        found.append((block, source, module))
    # A fragment that is shown once more stands in another block, line for line.
    texts = ["\n" + _bare(source) + "\n" for _, source, _ in found]
    tests = [module is not None and _tests(source, module, points) for _, source, module in found]
    made = []
    for place, (block, source, module) in enumerate(found):
        again = any(
            texts[place] in other and (len(other) > len(texts[place]) or at > place)
            for at, other in enumerate(texts)
            if at != place and found[at][2] is not None and not tests[at]
        )
        worse = again or tests[place] or _is_cut_short(source, module, points)
        names = owned(source)
        usage = tests[place] and not (points and points <= names)
        rank = (int(worse), int(block.other), standing(block))
        made.append(Piece(source, block.closed, module is not None, names, usage, rank))
    return made


def answer(read: Sequence[Piece], points: frozenset[str]) -> tuple[str, Piece] | None:
    """(source that defines the entry points, the piece that it is of): of those of the best rank, the last."""
    best: tuple[str, Piece] | None = None
    for piece in read:
        if not piece.parses or (best is not None and piece.rank > best[1].rank):
            continue
        if points <= piece.names:
            best = piece.source, piece
        elif not (points & defined(piece.source)) and (entry := as_entry(piece.source, points)):
            best = entry, piece
    return best


def whole_program(read: Sequence[Piece], *, program: bool) -> tuple[str, Piece] | None:
    """The source of a task without entry points: for one that reads its input, the block that does, and its helpers."""
    usable = [piece for piece in read if piece.parses and not piece.usage and says_something(piece.source)]
    if not usable:
        return None

    def rank(piece: Piece) -> tuple[int, ...]:
        reads, prints = bool(_READS.search(piece.source)), bool(_PRINTS.search(piece.source))
        return (*piece.rank, *((not (reads and prints), not reads, not prints) if program else ()))

    chosen = min(reversed(usable), key=rank)
    others = [piece for piece in usable if piece is not chosen and piece.rank <= max(chosen.rank, (0, 0, 1))]
    source = complete(chosen.source, [piece.source for piece in others])
    if program:
        for piece in others:
            if _acts(source) and _PRINTS.search(source):
                break
            if used(piece.source) & (defined(source) - BUILTINS) and piece.source not in source:
                whole = joined([source, piece.source])
                source = whole if tree(whole) is not None else source
    return source, chosen


def complete(source: str, others: Sequence[str]) -> str:
    """`source`, with what `others` define of the names that it uses and neither binds nor imports before it.

    Of another that defines something anew that `source` has, only the parts that are needed are taken.
    """
    for _ in range(_MOST_PASSES):
        before = source
        for other in reversed(others):
            lacking = used(source) - bound_anywhere(source) - BUILTINS
            if not lacking:
                return source
            offered, own = owned(other), defined(source)
            if not lacking & offered:
                continue
            part = _parts(other, lacking, own) if offered & own else other
            whole = joined([part, source])
            source = whole if tree(whole) is not None else source
        if source == before:
            break
    return source


def _parts(other: str, wanted: frozenset[str], own: frozenset[str]) -> str:
    """The statements of `other` that bind the wanted names, and those that these need; none that binds an `own` one."""
    module = tree(other)
    lines = other.split("\n")
    kept: dict[int, str] = {}
    needs = set(wanted)
    for _ in range(_MOST_PASSES):
        before = len(kept)
        for node in module.body if module else ():
            begin = first_line(node)
            text = "\n".join(lines[begin - 1 : node.end_lineno])
            names = owned(text) if begin not in kept else frozenset()
            if names & needs and not names & own:
                kept[begin] = text
                needs |= used(text)
        if len(kept) == before:
            break
    return "\n\n\n".join(kept[begin] for begin in sorted(kept))


def _read(block: Block, points: frozenset[str], *, program: bool) -> str:
    source = readable(block.text, program=program)
    if tree(source) is not None:
        return _without_mistakes(source, points)
    if not block.closed:
        return cut_to_code(source, points, whole=True) or source
    # A word before the code inside its fence; what follows the code stays, lest a slip of the pen cut it in half.
    lines = source.split("\n")
    for start in starts(source, 3):
        rest = "\n".join(lines[start:])
        if start and tree(rest) is not None:
            return rest
    return source


def _bare(source: str) -> str:
    return "\n".join(line.strip() for line in source.strip().split("\n"))


def _is_cut_short(source: str, module: ast.Module | None, points: frozenset[str]) -> bool:
    """Whether a block leaves out code that it speaks of."""
    if _may_leave_out(source) and _LEFT_OUT.search(source):
        return True
    if "..." not in source:
        return False
    entries = [node for node in (module.body if module else ()) if getattr(node, "name", None) in points]
    return any(_is_dots(each) for node in entries for each in getattr(node, "body", ()))


def _may_leave_out(source: str) -> bool:
    # Some letters beyond ASCII are small or great forms of those, and stay what they are in `lower`.
    small = source.lower()
    return not source.isascii() or any(words in small for words in _OF_LEFT_OUT)


def _is_dots(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def _tests(source: str, module: ast.Module, points: frozenset[str]) -> bool:
    """Whether a block tests or shows the solution, be it with one more copy of it."""
    for node in module.body:
        if imports_itself(node) or isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = getattr(node, "module", None) or node.names[0].name
            if named.partition(".")[0] in _TESTING:
                return True
        if getattr(node, "name", "").lower().startswith("test"):
            return True
        if isinstance(node, ast.Expr) and points & {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}:
            return True
    return any(word in source for word in _PATCHED) and bool(_PATCHES.search(source))


def _without_mistakes(source: str, points: frozenset[str]) -> str:
    """`source` without a later definition of an entry point that the comment above it calls wrong."""
    module = tree(source)
    if module is None or not points:
        return source
    defined_at = [node for node in module.body if getattr(node, "name", None) in points]
    lines = source.split("\n")
    for node in reversed(defined_at[1:]):
        above = lines[node.lineno - 2].strip()
        if above.startswith("#") and is_called_wrong(above):
            lines[node.lineno - 2 : node.end_lineno] = []
    return "\n".join(lines).rstrip() if len(defined_at) > 1 else source


def _acts(source: str) -> bool:
    """Whether a program does something beside defining, importing and setting."""
    module = tree(source)
    passive = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Import,
        ast.ImportFrom,
        ast.Assign,
        ast.AnnAssign,
    )
    return module is not None and any(
        not isinstance(node, passive) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in module.body
    )
