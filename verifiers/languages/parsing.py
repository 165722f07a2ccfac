"""Python's syntax trees, built one at a time.

CPython counts how deep the tree is that it builds in one place for all threads (gh-106905): where two build at once,
one is told of a `SystemError`, or of a depth that is not its own. What is read of a reply would then hang on what else
was read just then.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
import threading
import warnings

__all__ = ["begins_in_prose", "parse", "parse_expression"]

_turn, _TURNS = threading.Lock(), 50
# The words that a text begins with, before anything else but blanks
_WORDS = re.compile(r"\s*+((?:[A-Za-z_]\w*+(?:[ \t]++|(?=[.,\n]))){2,16})", re.ASCII)
_OWN = frozenset((*keyword.kwlist, *keyword.softkwlist))


def parse(source: str) -> ast.Module:
    """`ast.parse` without warnings: "\\\\d" in a candidate's string is the candidate's affair.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: as `ast.parse`.
    """
    tree = _parse(source, "exec")
    assert isinstance(tree, ast.Module)
    return tree


def parse_expression(source: str) -> ast.expr:
    """The same of a single expression."""
    tree = _parse(source, "eval")
    assert isinstance(tree, ast.Expression)
    return tree.body


def begins_in_prose(source: str) -> bool:
    """Whether `source` cannot parse, as its first words say: two stand side by side that are not the language's own.

    Told this way it takes microseconds; the parser, to word its complaint, reads a text to its end.
    """
    if (begun := _WORDS.match(source)) is None:
        return False
    own = [word in _OWN for word in begun[1].split()]
    return any(not one and not other for one, other in itertools.pairwise(own))


def _parse(source: str, mode: str) -> ast.AST:
    left = _TURNS
    while True:
        left -= 1
        try:
            with _turn, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(source, mode=mode)
        except SystemError:
            # Somebody builds trees out of turn.
            if not left:
                raise
