"""Two forms of a program: all of its syntax tree, and what is left without what only its readers need.

The second leaves out layout, comments, docstrings, annotations, names of its own, and what stands behind a `return`: it
is what two programs have in common of which one is the other under other names. It says what is new to a search, never
what a verdict may be used for: a program can read its own names (see `gristmill.verifiers.extraction.normal`).

One walk writes what both are made of, and leaves the tree as it is; a name's number is given when the walk is over and
all is known that its scope binds. Forms are for comparing: a program is not to be had back.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gristmill.sandbox.wire.files import HEAD, with_heads
from gristmill.verifiers.extraction.source import LIMIT, tree
from gristmill.verifiers.extraction.writing.expressions import Scope
from gristmill.verifiers.extraction.writing.statements import Written
from gristmill.verifiers.languages.parsing import parse

__all__ = ["canonical", "exact"]

_LONGEST = 200_000


def canonical(solution: str, keep: Iterable[str] = ()) -> str | None:
    """A program's form with its own names numbered, and without what only readers need; None where it is not Python.

    Args:
        solution: the program.
        keep: names that others know it by, which are not numbered where the module binds them.
    """
    if len(solution) > _LONGEST or (written := _written(solution)) is None:
        return None
    kept, tokens = frozenset(keep), list(written.tokens)
    for at, word in written.words:
        tokens[at] = word
    for at, function, argument in written.keywords:
        if function not in kept and argument in written.functions.get(function, ()):
            tokens[at] = f"{written.functions[function][argument]}:"
    numbers: dict[Scope, dict[str, str]] = {}
    known: dict[tuple[Scope, str], str] = {}
    for at, name, scope in written.names:
        if (scope, name) not in known:
            known[scope, name] = _number(name, scope, kept, numbers)
        tokens[at] = known[scope, name]
    for first, end, word in reversed(written.cuts):
        tokens[first:end] = [word] if word else []
    return _kind(solution) + " ".join(tokens)


def exact(solution: str) -> str | None:
    """A program's form with all that its syntax tree holds; None where it is not Python."""
    written = _written(solution)
    return None if written is None else _kind(solution) + " ".join(written.tokens)


def _kind(solution: str) -> str:
    """What sets a program of several files apart from every other: no form of one file begins so."""
    return "\0" if solution.startswith(HEAD) else ""


@lru_cache(maxsize=4)  # as of trees: both forms are asked for in a row
def _written(solution: str) -> Written | None:
    try:
        solution = with_heads(solution)
        module = tree(solution) if len(solution) <= LIMIT else parse(solution)
        return None if module is None else Written(module)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _number(name: str, scope: Scope, keep: frozenset[str], numbers: dict[Scope, dict[str, str]]) -> str:
    """What a name is called in the second form: its number in the scope that binds it, a word that no name can be."""
    inner: Scope | None = scope
    while inner is not None:
        if name in inner.own and name not in inner.shared:
            if inner.is_class or (inner.outer is None and name in keep):
                return name
            there = numbers.setdefault(inner, {})
            return there.setdefault(name, f"{inner.depth}.{len(there)}")
        inner = inner.outer
    return name
