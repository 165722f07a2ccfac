"""Python's syntax trees, built one at a time.

CPython counts how deep the tree is that it builds in one place for all threads (gh-106905): where two build at once,
one is told of a `SystemError`, or of a depth that is not its own. What is read of a reply would then hang on what else
was read just then.
"""

from __future__ import annotations

import ast
import threading
import warnings

__all__ = ["parse", "parse_expression"]

_turn, _TURNS = threading.Lock(), 50


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
