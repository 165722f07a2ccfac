"""Words, texts, lists and grids as strict grammars: every character of an answer is accounted for, or it is none.

Against rows, words and cells too many, remarks beside a grid, and JSON that is read in two ways: keys that occur twice,
`NaN`, numbers without bounds, depth without bounds. Nothing is evaluated: a list in Python's notation is read by a
regular expression.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gristmill.verifiers.reasoning.guest.wire.numbers import Decimal, decimal, whole

__all__ = [
    "board",
    "commas",
    "data",
    "decimal_grid",
    "decimals",
    "factors",
    "grid",
    "groups",
    "json_grid",
    "json_list",
    "lines",
    "quoted_decimals",
    "strings",
    "text",
    "word",
]

_MOST = 20_000
_DEEPEST = 40
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,59})(?:\.[0-9]{1,60})?(?:[eE][-+]?[0-9]{1,3})?")
# ['1.5', '-2'] and ["1.5"] and [1.5, -2]
_LISTED = re.compile(r"\[ ?(?:(?:'[^'\"\\]*'|\"[^'\"\\]*\"|[-0-9.]+)(?: ?, ?|(?= ?\])))* ?\]")
_LISTED_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"|([-0-9.]+)")


def text(answer: str) -> list[str]:
    """The tokens between blanks, each of printable characters; none for nothing."""
    tokens = answer.split()
    if not all(token.isprintable() for token in tokens):
        raise ValueError("no text")
    return tokens


def word(answer: str) -> str:
    """One word or name of few tokens, in lower case."""
    tokens = text(answer)
    if not 1 <= len(tokens) <= 4 or any(len(token) > 60 for token in tokens):
        raise ValueError("no word")
    return " ".join(tokens).lower()


def lines(answer: str) -> list[str]:
    """Lines as they stand, blanks at their ends left out."""
    stripped = [line.rstrip(" ") for line in answer.split("\n")]
    if not any(stripped) or not all(line.isprintable() for line in stripped):
        raise ValueError("no lines")
    return stripped


def board(answer: str) -> list[list[str]]:
    """Rows of single characters between blanks."""
    rows = [line.split(" ") for line in lines(answer)]
    rows = [[cell for cell in row if cell] for row in rows]
    if not all(row and all(len(cell) == 1 for cell in row) for row in rows):
        raise ValueError("no board")
    return rows


def _cells(answer: str) -> list[list[str]]:
    rows = [line.split() for line in answer.strip().split("\n")]
    if not all(rows) or sum(map(len, rows)) > _MOST:
        raise ValueError("no grid")
    return rows


def grid(answer: str) -> list[list[int]]:
    """Rows of whole numbers between blanks."""
    rows = _cells(answer)
    if not all(re.fullmatch(r"-?(?:0|[1-9][0-9]{0,17})", cell) and cell != "-0" for row in rows for cell in row):
        raise ValueError("no grid of whole numbers")
    return [[int(cell) for cell in row] for row in rows]


def decimal_grid(answer: str) -> list[list[Decimal]]:
    """Rows of numbers between blanks."""
    return [[decimal(cell) for cell in row] for row in _cells(answer)]


def decimals(answer: str) -> list[Decimal]:
    """Numbers between commas and blanks; none for an empty answer or two quotation marks."""
    if answer.strip() in ("", '""', "''"):
        return []
    return [decimal(part) for part in answer.split(",")]


def factors(answer: str) -> list[int]:
    """Whole numbers with ×, x or * between them."""
    return [whole(part) for part in re.split(r"[×x*]", answer)]


def commas(answer: str) -> list[str]:
    """Words between commas."""
    words = [part.strip() for part in answer.split(",")]
    if not all(each.isprintable() and each and " " not in each for each in words):
        raise ValueError("no words between commas")
    return words


def quoted_decimals(answer: str) -> list[Decimal]:
    """Numbers in a list of Python's or of JSON's, quoted or not."""
    answer = " ".join(answer.split())
    if len(answer) > _MOST or not _LISTED.fullmatch(answer) or re.search(r", ?\]", answer):
        raise ValueError("no list of numbers")
    return [decimal("".join(parts)) for parts in _LISTED_ITEM.findall(answer)]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key stands twice")
    return mapping


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number")


class _Number(str):
    __slots__ = ()


def _parse(answer: str) -> Any:
    if len(answer) > 10 * _MOST or answer.count("[") + answer.count("{") > _MOST:
        raise ValueError("too long")
    return json.loads(
        answer, parse_int=_Number, parse_float=_Number, parse_constant=_refused, object_pairs_hook=_unique
    )


def data(answer: str) -> list[Any]:
    """JSON as a tagged tree that knows no float, or else the text: ``["list", …]``, ``["number", n, places]``."""
    try:
        parsed = _parse(answer.strip())
    except RecursionError as error:
        raise ValueError("too deep") from error
    except ValueError:
        return ["text", *text(answer)]
    return _tagged(parsed, 0)


def _tagged(value: Any, depth: int) -> list[Any]:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    if isinstance(value, _Number):
        if not _NUMBER.fullmatch(value):
            raise ValueError("no number")
        number, places = decimal(value.removeprefix("-"))
        if value.startswith("-"):
            if not number:  # a zero with a minus may stand in data, and is no other zero
                return ["constant", "-0"]
            number = -number
        if places < 0 or not number:
            number, places = number * 10 ** max(0, -places), 0
        while places > 0 and number % 10 == 0:
            number, places = number // 10, places - 1
        return ["number", number, places]
    if isinstance(value, str):
        return ["string", value]
    if isinstance(value, list):
        return ["list", *(_tagged(each, depth + 1) for each in value)]
    if isinstance(value, dict):
        return ["object", *([key, _tagged(value[key], depth + 1)] for key in sorted(value))]
    return ["constant", {None: "null", True: "true", False: "false"}[value]]


def strings(answer: str) -> list[str]:
    """A JSON list of strings."""
    parsed = _parse(answer)
    if type(parsed) is not list or not all(type(each) is str and each.isprintable() for each in parsed):
        raise ValueError("no list of strings")
    return parsed


def groups(answer: str) -> list[list[str]]:
    """A JSON list of lists of strings."""
    parsed = _parse(answer)
    if type(parsed) is not list or not all(type(row) is list for row in parsed):
        raise ValueError("no list of lists")
    if not all(type(each) is str and each.isprintable() for row in parsed for each in row):
        raise ValueError("no strings")
    return parsed


def json_grid(answer: str) -> list[list[int]]:
    """A JSON list of lists of whole numbers."""
    parsed = _parse(answer)
    if type(parsed) is not list or not all(type(row) is list for row in parsed):
        raise ValueError("no list of lists")
    return [[_json_whole(each) for each in row] for row in parsed]


def json_list(answer: str) -> list[int]:
    """A JSON list of whole numbers."""
    parsed = _parse(answer)
    if type(parsed) is not list:
        raise ValueError("no list")
    return [_json_whole(each) for each in parsed]


def _json_whole(value: Any) -> int:
    if type(value) is not _Number or not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
        raise ValueError("no whole number")
    return int(value)
