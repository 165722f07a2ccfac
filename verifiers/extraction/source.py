"""Looking at Python source without running it: what it defines, what it lacks, where it ends. Never raises."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

__all__ = [
    "LIMIT",
    "bounded",
    "complaint",
    "complete",
    "cut_to_code",
    "defined",
    "ends_in_prose",
    "expression",
    "says_something",
    "starts",
    "tree",
]

LIMIT = 100_000
"""Characters of source that are looked at; anything longer is no solution."""

_CUTS = 60
_BUDGET, _EACH = 3_000_000, 100  # characters of one reply
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)
_WORK = 400_000  # characters parsed in one search, so that no reply can make it long
_LINE = re.compile(r"line (\d{1,9}):")
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ExceptHandler)
_BUILTINS = frozenset(dir(builtins))
_STARTS = ("def ", "async def ", "class ", "import ", "from ", "@")


@contextmanager
def bounded() -> Iterator[None]:
    """What is looked at inside, each text as often as it is, comes to a bounded number of characters in all.

    Beyond it nothing parses. The count is the same whatever was looked at before, so a reply is read the same way
    whenever it is read.
    """
    token = _left.set([_BUDGET])
    try:
        yield
    finally:
        _left.reset(token)


def _parsed(source: str) -> ast.Module | str:
    left = _left.get()
    if left is not None:
        left[0] -= len(source) + _EACH
        if left[0] < 0:
            return "there is more code in the reply than is looked at"
    return _tree_or_complaint(source)


@lru_cache(maxsize=4)  # a tree is a hundred times its source; a reply is looked at several times in a row
def _tree_or_complaint(source: str) -> ast.Module | str:
    if len(source) > LIMIT:
        return f"it is longer than {LIMIT} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a candidate's string is the candidate's affair
            return ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, MemoryError, RecursionError) as error:  # null bytes; nesting beyond what the parser holds
        return str(error) or "it is nested too deeply"


def tree(source: str) -> ast.Module | None:
    """The syntax tree, or None where `source` does not parse."""
    parsed = _parsed(source)
    return None if isinstance(parsed, str) else parsed


def complaint(source: str) -> str:
    """Why `source` does not parse; empty where it does."""
    parsed = _parsed(source)
    return parsed if isinstance(parsed, str) else ""


def defined(source: str) -> frozenset[str]:
    """Names that `source` binds at its top level; empty where it does not parse."""
    module = tree(source)
    if module is None:
        return frozenset()
    names: set[str] = set()
    left: list[ast.AST] = list(module.body)
    while left:  # a list instead of recursion: an `elif` chain may be deeper than the stack
        node = left.pop()
        if isinstance(node, ast.stmt):
            names.update(_binds(node))
        if isinstance(node, _BLOCKS):
            left.extend(
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)
            )
    return frozenset(names)


def says_something(source: str) -> bool:
    """Whether `source` parses and does more than name things: a word of prose is a Python expression, too."""
    module = tree(source)
    return module is not None and any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Name | ast.Constant | ast.Tuple | ast.BinOp))
        for node in module.body
    )


def expression(text: str) -> ast.expr | None:
    """The tree of a single expression, or None."""
    if len(text) > LIMIT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def complete(source: str, others: Sequence[str]) -> str:
    """`source`, with those of `others` before it that bind names which it uses and neither binds nor imports."""
    for other in reversed(others):
        lacking = _used(source) - _bound_anywhere(source) - _BUILTINS
        offered = defined(other)
        if lacking & offered and not offered & defined(source):
            joined = f"{other.rstrip()}\n\n\n{source}"
            source = joined if tree(joined) is not None else source
    return source


def cut_to_code(text: str, names: Iterable[str]) -> str | None:
    """A beginning of `text`, in whole lines, that parses and binds all `names`; None if none is found.

    Replies break off in the middle of a line, or go on in prose after the code: the parser says which line it does
    not understand, and everything from there on is dropped, until it understands all or nothing is left.
    """
    wanted = frozenset(names)
    lines = text[:LIMIT].split("\n")
    end = len(lines)
    work = 0
    while work < _WORK:
        piece = "\n".join(lines[:end]).rstrip()
        work += len(piece) + _WORK // _CUTS
        parsed = _parsed(piece)
        if isinstance(parsed, ast.Module):
            piece = "\n".join(lines[: _end_of_code(parsed, piece, end)]).rstrip()
            return piece if piece and wanted <= defined(piece) and says_something(piece) else None
        end = min(end - 1, _error_line(parsed, end) - 1)
        if end <= 0:
            return None
    return None


def ends_in_prose(source: str) -> bool:
    """Whether `source` parses only because its last words, like ``Done``, happen to be Python."""
    module = tree(source)
    return module is not None and bool(module.body) and _is_prose(module.body[-1], _bound_or_builtin(source))


def _end_of_code(module: ast.Module, source: str, end: int) -> int:
    """Number of the last line before trailing words that only happen to be Python."""
    bound = _bound_or_builtin(source)
    for node in reversed(module.body):
        if not _is_prose(node, bound):
            break
        end = node.lineno - 1
    return end


def _bound_or_builtin(source: str) -> frozenset[str]:
    return _bound_anywhere(source) | _BUILTINS


def _is_prose(node: ast.stmt, bound: frozenset[str]) -> bool:
    if not isinstance(node, ast.Expr):
        return False
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return not names <= bound


def _error_line(complaint_: str, default: int) -> int:
    match = _LINE.match(complaint_)
    return int(match[1]) if match else default


def starts(text: str, limit: int = 20) -> list[int]:
    """Numbers of the lines on which top-level code may begin, first ones first."""
    return [number for number, line in enumerate(text.split("\n")) if line.startswith(_STARTS)][:limit]


def _binds(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _used(source: str) -> frozenset[str]:
    module = tree(source)
    if module is None:
        return frozenset()
    return frozenset(
        node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


def _bound_anywhere(source: str) -> frozenset[str]:
    module = tree(source)
    if module is None:
        return frozenset()
    bound = set(defined(source))
    for node in ast.walk(module):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.stmt):
            bound.update(_binds(node))
    return frozenset(bound)
