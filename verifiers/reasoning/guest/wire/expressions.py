"""Arithmetic and formulas as postfix lists of words: read by hand, never by a parser that executes.

``2*(x + 1)`` becomes ``["2", "x", "1", "+", "*"]``: a number, a name or an operation each. Against the parsers of
SymPy, which evaluate what they read: an answer there is a program. Depth and length are bounded before anything is
built.
"""

from __future__ import annotations

import re

__all__ = ["FUNCTIONS", "formula", "term"]

FUNCTIONS = (
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "exp",
    "log",
    "ln",
    "sqrt",
    "Abs",
)
# 12, 1.5, x, sin, **
_TOKEN = re.compile(r" *(?:([0-9]{1,30}(?:\.[0-9]{1,30})?)|([A-Za-z]{1,8})|(\*\*|[-+*/^()]))")
_LONGEST, _DEEPEST = 4_000, 60


def term(answer: str) -> list[str]:
    """Whole numbers with + - * / and parentheses."""
    words = formula(answer)
    if not all(re.fullmatch(r"[0-9]+|[-+*/]|neg", each) for each in words):
        raise ValueError("no term of whole numbers")
    return words


def formula(answer: str) -> list[str]:
    """Numbers, names, functions, + - * / and ** (or ^)."""
    if len(answer) > _LONGEST:
        raise ValueError("too long")
    return _FormulaReader(" ".join(answer.split())).read()


class _FormulaReader:
    def __init__(self, text: str) -> None:
        self._words: list[str] = []
        place = 0
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                raise ValueError("no formula")
            self._words.append(token[1] or token[2] or token[3])
            place = token.end()
        self._words.append("")
        self._place = 0
        self._out: list[str] = []

    def read(self) -> list[str]:
        self._sum(0)
        if self._next():
            raise ValueError("something stands behind the formula")
        return self._out

    def _next(self) -> str:
        return self._words[self._place]

    def _take(self, *wanted: str) -> str:
        word = self._next()
        if word not in wanted:
            return ""
        self._place += 1
        return word

    def _sum(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        self._product(depth)
        while sign := self._take("+", "-"):
            self._product(depth)
            self._out.append(sign)

    def _product(self, depth: int) -> None:
        self._signed(depth)
        while sign := self._take("*", "/"):
            self._signed(depth)
            self._out.append(sign)

    def _signed(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        if self._take("-"):
            self._signed(depth + 1)
            self._out.append("neg")
            return
        self._atom(depth)
        if self._take("**", "^"):
            self._signed(depth + 1)  # to the right: 2**-x, 2**3**4
            self._out.append("**")

    def _atom(self, depth: int) -> None:
        word = self._next()
        self._place += 1
        if word == "(":
            self._rest(depth)
        elif word in FUNCTIONS:
            if not self._take("("):
                raise ValueError("a function without parentheses")
            self._rest(depth)
            self._out.append("log" if word == "ln" else word)
        elif word[:1].isdigit() or (word.isalpha() and word != "neg"):
            self._out.append(word)
        else:
            raise ValueError("no formula")

    def _rest(self, depth: int) -> None:
        self._sum(depth + 1)
        if not self._take(")"):
            raise ValueError("a parenthesis is open")
