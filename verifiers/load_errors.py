"""Why a solution does not load, in words that a model may read.

A process that loads a solution may have learned something hidden, from another job say, and what it reports is the
candidate's to choose. So of its report only the nearest builtin type and the line are used. Whatever else is said is
read in the source, which the model wrote itself: why it does not parse, which modules an import statement names,
which names a line uses that the source gives no meaning to.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from gristmill.sandbox.wire.answers import bounded_line
from gristmill.verifiers.extraction.source import complaint, tree

__all__ = ["builtin_error", "load_error_text"]

_BUILTINS = frozenset(dir(builtins))
_NAME_CHARACTERS = 60
_MOST_NAMES = 3


def builtin_error(name: object) -> str:
    """The name of a builtin type of exceptions; ``Exception`` for whatever else a candidate's process calls it."""
    kind = vars(builtins).get(name) if type(name) is str else None
    return kind.__name__ if isinstance(kind, type) and issubclass(kind, BaseException) else "Exception"


def load_error_text(source: str, kind: object, line: object) -> str:
    """``NameError: the source gives no meaning to collections``, from a reported type and line and from the source."""
    name, number = builtin_error(kind), bounded_line(line)
    # A candidate may raise a SyntaxError by itself, and then there is nothing wrong with its source.
    syntax = issubclass(vars(builtins)[name], SyntaxError)
    detail = complaint(source) if syntax else _detail(source, name, number)
    return f"{name}: {detail}" if detail else name


def _detail(source: str, name: str, line: int | None) -> str:
    if line is None or name not in ("ImportError", "ModuleNotFoundError", "NameError"):
        return ""
    if (parsed := tree(source)) is None:
        return ""
    nodes = [node for node in ast.walk(parsed) if _is_on(node, line)]
    if name == "NameError":
        return _in_words("the source gives no meaning to", _unknown(nodes, parsed))
    return _in_words("the import of", _imported(nodes))


def _is_on(node: ast.AST, line: int) -> bool:
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    return first is not None and first <= line <= (last or first)


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _unknown(nodes: Iterable[ast.AST], parsed: ast.Module) -> Iterator[str]:
    bound = _bound(parsed) | _BUILTINS
    used = (node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return (name for name in used if name not in bound)


def _bound(parsed: ast.Module) -> set[str]:
    """Every name that the source gives a meaning to, in whatever scope."""
    names: set[str] = set()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    return names


def _in_words(words: str, names: Iterator[str]) -> str:
    listed = [name[:_NAME_CHARACTERS] for name in dict.fromkeys(names)][:_MOST_NAMES]
    return f"{words} {', '.join(listed)}" if listed else ""
