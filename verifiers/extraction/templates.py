"""Answers of one expression, put into the function that the task gives around them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from gristmill.verifiers.extraction.source import complaint, defined, expression, tree

__all__ = ["fill", "why_not"]

_HOLE = "{answer}"
_LINES = 40
_LABEL = re.compile(r"(?:answer|expression|solution|output|python|code|a)\s{0,3}[:=]\s{0,3}", re.IGNORECASE)


def fill(template: str, text: str, points: Iterable[str]) -> str | None:
    """`template` with the first usable expression of `text` in the place of ``{answer}``; None if there is none.

    The whole text is tried first, then its lines. ``return``, ``lambda xs:``, labels, backticks and a definition line
    before the expression are forgiven. A lone word is used only if it is an argument's name or a constant.
    """
    if _HOLE not in template or len(text) > 100_000:
        return None
    names = _arguments(template)
    for piece in _pieces(text):
        node = expression(piece)
        if node is None or (isinstance(node, ast.Name) and node.id not in names):
            continue
        if isinstance(node, ast.Lambda) and len(node.args.args) == len(names) > 0:
            piece = f"({piece})({', '.join(names)})"
        filled = template.replace(_HOLE, piece if "\n" not in piece else f"({piece})")
        if tree(filled) is not None and frozenset(points) <= defined(filled):
            return filled if filled.endswith("\n") else filled + "\n"
    return None


def why_not(text: str) -> str:
    """Why `fill` found nothing: what Python says about the first line, or that it is a mere word."""
    first = next(iter(_pieces(text[:1000].strip().partition("\n")[0])), "")
    return complaint(f"({first})") or f"{first[:80]!r} is a word, not an answer"


def _pieces(text: str) -> Iterable[str]:
    lines = [line for line in text.strip().splitlines() if line.strip()][:_LINES]
    for piece in [text.strip(), *(line.strip() for line in lines)]:
        bare = piece.strip("`").strip()
        bare = _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare
        bare = bare.strip("`").strip()
        if bare.startswith("return "):
            bare = bare.removeprefix("return ").strip()
        elif bare.startswith("def ") and ": return " in bare:
            bare = bare.partition(": return ")[2].strip()
        if bare:
            yield bare.rstrip(";")


def _arguments(template: str) -> list[str]:
    module = tree(template.replace(_HOLE, "None"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)] if module else []
    return [argument.arg for argument in functions[-1].args.args] if functions else []
