"""How many tokens a text takes at most, reckoned without a tokenizer: whose it would be is not known."""

from __future__ import annotations

import re

__all__ = ["fitted", "tokens"]

_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\n+|[ \t]{2,}| (?=[0-9])|[^\x00-\x7f]|[^A-Za-z \t]")
_CUT = "…"
_UNSPOKEN = re.compile(r"[^aeiouy]{4}", re.IGNORECASE)
_USUAL, _LONG = 7, 15
"""Letters of a word in one token, and from how many on a word is no word but a code."""


def tokens(text: str) -> int:
    """An estimate from above: the tokenizer of the small model, whose vocabulary is small, needs less for English and
    code (`tests/graph/prompts/test_ledger.py`), those of large models less for other languages too.

    A word takes one token for each seven letters; one that nobody could speak (four consonants in a row, or longer than
    15 letters) one for each two; every digit, mark and break of lines takes one; a character outside of ASCII as many
    as it has bytes. One blank goes with the word behind it, and is
    one by itself before a digit.
    """
    return sum(map(_COSTS.__getitem__, _PIECES.findall(text)))


class _Costs(dict[str, int]):
    """Tokens by piece of text; the words of what is asked come again and again."""

    def __missing__(self, piece: str) -> int:
        cost = _of(piece)
        if len(self) < _MOST_KNOWN and len(piece) <= _LONG:
            self[piece] = cost
        return cost


_COSTS, _MOST_KNOWN = _Costs(), 10_000


def _of(piece: str) -> int:
    if piece == _CUT:
        return 2
    if not piece[0].isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    if not piece[0].isalpha():
        return 1
    letters = 2 if len(piece) > _LONG or _UNSPOKEN.search(piece) else _USUAL
    return -(-len(piece) // letters)


def fitted(text: str, most: int) -> str:
    """`text` where it takes at most so many tokens; else its beginning, up to a whole word, and ``…``."""
    if tokens(text) <= most:
        return text
    end, left = 0, most - _of(_CUT)
    for piece in _PIECES.finditer(text):
        left -= _COSTS[piece[0]]
        if left < 0:
            break
        end = piece.end()
    head = text[:end]
    whole = head.rsplit(" ", 1)[0] if " " in head.strip() else head
    return whole.rstrip() + _CUT if end else ""
