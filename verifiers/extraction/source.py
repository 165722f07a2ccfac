"""Looking at Python source without running it: what it defines, what it lacks, where it ends. Never raises."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from gristmill.verifiers.languages.parsing import begins_in_prose, parse, parse_expression

__all__ = [
    "BUILTINS",
    "LIMIT",
    "bound_anywhere",
    "bounded",
    "complaint",
    "cut_to_code",
    "defined",
    "ends_in_prose",
    "expression",
    "first_line",
    "imports_itself",
    "joined",
    "owned",
    "says_something",
    "starts",
    "tree",
    "used",
]

LIMIT = 100_000
"""Characters of source that are looked at; anything longer is no solution."""

_CUTS = 60
_LONG_LINE = 300
_BUDGET, _EACH = 3_000_000, 100  # characters of one reply
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)
_WORK = 400_000  # characters parsed in one search, so that no reply can make it long
_LINE = re.compile(r"line (\d{1,9}):")
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ExceptHandler)
BUILTINS = frozenset(dir(builtins))
_FUTURE = re.compile(r"^from __future__ import [^\n(\\]{1,200}$", re.MULTILINE)
# solution  my_solution  your_module  main  solution_2
_ITSELF = re.compile(
    r"(?:my_?|your_?|the_?)?(?:solutions?|module|file|code|answer|submission|script|implementation|main|program|"
    r"function)(?:_?(?:\d{1,3}|file|module|code))?|__main__",
    re.IGNORECASE,
)
# Here the loop goes on as before
_TALK = re.compile(r"\s*[A-Z][\w']*(?:,? [\w'`-]+){2,}[^=()\[\]]*")
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
    return _tree_or_complaint(source) if _is_within(source) else "there is more code in the reply than is looked at"


def _is_within(source: str) -> bool:
    """Whether this may still be looked at; it counts from now on."""
    left = _left.get()
    if left is not None:
        left[0] -= len(source) + _EACH
    return left is None or left[0] >= 0


@lru_cache(maxsize=4)  # a tree is a hundred times its source; a reply is looked at several times in a row
def _tree_or_complaint(source: str) -> ast.Module | str:
    if len(source) > LIMIT:
        return f"it is longer than {LIMIT} characters"
    try:
        return parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, MemoryError, RecursionError) as error:  # null bytes; nesting beyond what the parser holds
        return str(error) or "it is nested too deeply"


def tree(source: str) -> ast.Module | None:
    """The syntax tree, or None where `source` does not parse."""
    if not _is_within(source) or begins_in_prose(source):
        return None
    parsed = _tree_or_complaint(source)
    return None if isinstance(parsed, str) else parsed


def complaint(source: str) -> str:
    """Why `source` does not parse; empty where it does."""
    parsed = _parsed(source)
    return parsed if isinstance(parsed, str) else ""


def defined(source: str) -> frozenset[str]:
    """Names that `source` binds at its top level; empty where it does not parse."""
    return frozenset(name for node in _top(source) for name in _binds(node))


def owned(source: str) -> frozenset[str]:
    """As `defined`, without what is only imported from the solution, as code that uses or tests one does."""
    return frozenset(name for node in _top(source) if not imports_itself(node) for name in _binds(node))


def imports_itself(node: ast.AST) -> bool:
    """Whether a statement imports what it says from a module that can only be the solution's own file."""
    if not isinstance(node, ast.ImportFrom):
        return False
    module = node.module or ""
    same = module not in sys.stdlib_module_names and any(alias.name == module for alias in node.names)
    return bool(node.level) or same or _ITSELF.fullmatch(module.rpartition(".")[2]) is not None


def _top(source: str) -> Iterator[ast.stmt]:
    """The statements at the top level, those inside its blocks too."""
    module = tree(source)
    left: list[ast.AST] = list(module.body) if module else []
    while left:  # a list instead of recursion: an `elif` chain may be deeper than the stack
        node = left.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, _BLOCKS):
            left.extend(
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)
            )


def says_something(source: str) -> bool:
    """Whether `source` parses and does more than name things: a word of prose, or of output, is an expression, too."""
    module = tree(source)
    return module is not None and any(not isinstance(node, ast.Expr) or _does(node.value) for node in module.body)


def _does(value: ast.expr) -> bool:
    named = isinstance(value, ast.Name | ast.Constant | ast.Tuple | ast.BinOp)
    return not named and any(isinstance(part, ast.Call | ast.Await | ast.NamedExpr) for part in ast.walk(value))


def joined(sources: Iterable[str]) -> str:
    """Sources one after the other, what must come first of a module first."""
    future: dict[str, None] = {}
    rest = []
    for source in sources:
        future.update(dict.fromkeys(_FUTURE.findall(source)))
        rest.append(_FUTURE.sub("", source).strip("\n").rstrip() if future else source.rstrip())
    return "".join(f"{line}\n" for line in future) + "\n\n\n".join(rest)


def expression(text: str) -> ast.expr | None:
    """The tree of a single expression, or None."""
    if len(text) > LIMIT:
        return None
    try:
        return parse_expression(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def cut_to_code(text: str, names: Iterable[str], *, whole: bool = False) -> str | None:
    """A beginning of `text`, in whole lines, that parses and binds all `names`; None if none is found.

    Replies break off in the middle of a line, or go on in prose after the code: the parser says which line it does
    not understand, and everything from there on is dropped, until it understands all or nothing is left. If it is to
    be `whole`, a function or class that breaks off inside is dropped with it: half of one is another one.
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
            kept = _before_broken(parsed, lines, end) if whole else end
            piece = "\n".join(lines[: min(kept, _end_of_code(parsed, piece, end))]).rstrip()
            return piece if piece and wanted <= defined(piece) and says_something(piece) else None
        end = min(end - 1, _error_line(parsed, end) - 1)
        if end <= 0:
            return None
    return None


def _before_broken(module: ast.Module, lines: Sequence[str], end: int) -> int:
    """`end`, or where the last statement begins if it goes on behind `end` and had not come to its own end before."""
    dropped = next((line for line in lines[end:] if line.strip()), "")
    if not dropped[:1].isspace() or _TALK.fullmatch(dropped[:_LONG_LINE]) or not module.body:
        return end
    last = module.body[-1]
    body = getattr(last, "body", None)
    if not body or (isinstance(last, ast.FunctionDef) and isinstance(body[-1], ast.Return | ast.Raise)):
        return end
    return first_line(last) - 1


def first_line(node: ast.stmt) -> int:
    """The number of the line on which a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


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
    return bound_anywhere(source) | BUILTINS


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


def used(source: str) -> frozenset[str]:
    """Names that `source` reads anywhere."""
    module = tree(source)
    if module is None:
        return frozenset()
    return frozenset(
        node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


def bound_anywhere(source: str) -> frozenset[str]:
    """Names that `source` binds at its top level or inside of functions and classes."""
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
