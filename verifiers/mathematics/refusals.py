"""Answers whose text is not even parsed, as nothing in mathematics needs what they hold."""

from __future__ import annotations

import re

from gristmill.verifiers.mathematics.extraction import LONGEST

__all__ = ["refusal"]

# Nothing that Python could be made to run: no quotes, no names with underscores before a letter, no code words.
_FORBIDDEN = (
    "__",
    "import",
    "eval",
    "exec",
    "getattr",
    '"',
    "`",
    "@",
    "#",
    "==",
    ":=",
    "\x00",
    "\\input",
    "\\write",
    "\\def",
    "\\catcode",
)
# `\lambda` and `f'(x)` are mathematics; Python's lambda and its texts are not.
_FORBIDDEN_SHAPES = (
    (re.compile(r"(?<!\\)lambda", re.IGNORECASE), "lambda"),  # 'lambda x: x'
    (re.compile(r"(?<![A-Za-z'])'|'(?![(=\s,'^_)}]|$)"), "'"),  # "print('x')"
)
_DEEPEST = 60


def refusal(answer: str) -> str:
    """Why an answer's text is not parsed; empty if it may be."""
    if len(answer) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if not answer.replace("\n", " ").replace("\t", " ").isprintable():
        return "it holds unprintable characters"
    lowered = answer.lower()
    for part in _FORBIDDEN:
        if part in lowered:
            return f"it holds {part!r}, which mathematics does not need"
    for shape, part in _FORBIDDEN_SHAPES:
        if shape.search(answer):
            return f"it holds {part!r}, which mathematics does not need"
    if any(each.isdigit() and not each.isascii() and each not in "²³" for each in answer):
        return "it holds digits other than 0 to 9"
    if any(
        each.isalpha() and not each.isascii() and not "\u0370" <= each <= "\u03ff" and each not in "ℝ"
        for each in answer
    ):
        return "it holds letters that only look like those of mathematics"
    if _deepest(answer) > _DEEPEST:
        return f"its brackets are nested more than {_DEEPEST} deep"
    return ""


def _deepest(answer: str) -> int:
    depth = deepest = 0
    for each in answer:
        depth += (each in "([{") - (each in ")]}")
        deepest = max(deepest, depth)
    return deepest
