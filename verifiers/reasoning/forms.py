"""What the value of each form looks like, checked on the host between the process that reads and the one that scores.

Whoever took the reading process over may have sent anything: what is no plain value of the form that was asked for, or
is beyond its bounds, goes no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

__all__ = ["FORMS", "well_formed"]

_Check: TypeAlias = Callable[[Any], bool]
_MOST: Final = 20_000
_WIDEST: Final = 10**200
_LONGEST: Final = 10_000
_POSTFIX: Final = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?|[A-Za-z]{1,8}|\*\*|[-+*/]")
_FUNCTIONS: Final = frozenset(
    "sin cos tan cot sec csc asin acos atan sinh cosh tanh asinh acosh atanh exp log sqrt Abs".split()
)


def _whole(value: Any, least: int = -_WIDEST, most: int = _WIDEST) -> bool:
    return type(value) is int and least <= value <= most


def _between(least: int, most: int) -> _Check:
    return lambda value: _whole(value, least, most)


def _decimal(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and _whole(value[0]) and _whole(value[1], -1_000, 1_100)


def _token(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= _LONGEST and value.isprintable() and " " not in value


def _line(value: Any) -> bool:
    return type(value) is str and len(value) <= _LONGEST and value.isprintable()


def _word(value: Any) -> bool:
    return _line(value) and 0 < len(value) <= 250 and value == value.lower()


def _like(pattern: str) -> _Check:
    return lambda value: type(value) is str and len(value) <= _LONGEST and re.fullmatch(pattern, value) is not None


def _each(check: _Check, least: int = 0, most: int = _MOST) -> _Check:
    return lambda value: type(value) is list and least <= len(value) <= most and all(map(check, value))


def _row(*checks: _Check) -> _Check:
    return lambda value: (
        type(value) is list
        and len(value) == len(checks)
        and all(check(each) for check, each in zip(checks, value, strict=True))
    )


def _any(*checks: _Check) -> _Check:
    return lambda value: any(check(value) for check in checks)


def _data(value: Any, depth: int = 0) -> bool:
    if type(value) is not list or not value or type(value[0]) is not str or depth > 50:
        return False
    kind, *parts = value
    if kind == "list":
        return all(_data(each, depth + 1) for each in parts)
    if kind == "object":
        rows = all(type(each) is list and len(each) == 2 and type(each[0]) is str for each in parts)
        return rows and all(_data(each[1], depth + 1) for each in parts)
    if kind == "text":
        return all(map(_token, parts))
    if len(parts) == 2:
        return kind == "number" and _whole(parts[0], -(10**1200), 10**1200) and _whole(parts[1], 0, 1_100)
    return len(parts) == 1 and type(parts[0]) is str and kind in ("string", "constant")


def _postfix(value: Any) -> bool:
    if not _each(lambda each: type(each) is str and _POSTFIX.fullmatch(each) is not None, 1, 4_000)(value):
        return False
    height = 0
    for each in value:
        needs = 2 if each in ("+", "-", "*", "/", "**") else 1 if each == "neg" or each in _FUNCTIONS else 0
        if height < needs:
            return False
        height += 1 - needs
    return height == 1


def _term(value: Any) -> bool:
    return _postfix(value) and all(re.fullmatch(r"[0-9]+|[-+*/]|neg", each) for each in value)


_GRID: Final = _each(_each(_whole, 1), 1)
_DECIMALS: Final = _each(_decimal)
_PLACE: Final = r"[A-Z][0-9]{1,2}"
FORMS: Final[dict[str, _Check]] = {
    "bitwise": _whole,
    "board": _each(_each(_like(r"\S"), 1), 1),
    "commas": _each(_token, 1),
    "complex": _row(_decimal, _decimal),
    "data": _data,
    "decimal": _decimal,
    "decimal-grid": _each(_each(_decimal, 1), 1),
    "decimals": _DECIMALS,
    "directions": _any(_each(_like("left|right|up|down"), 1), _row(_like("infeasible"))),
    "duration": _row(_between(-1, 10**7), _between(-1, 10**11)),
    "factors": _each(_whole, 1),
    "formula": _postfix,
    "fraction": _row(_whole, _between(1, _WIDEST)),
    "grid": _GRID,
    "groups": _each(_each(_line)),
    "hanoi": _each(_row(*[_between(1, 99)] * 3), 1),
    "integer": _whole,
    "json-grid": _each(_each(_whole)),
    "json-list": _each(_whole),
    "lines": _each(_line, 1),
    "mapping": _each(_row(_like("[A-Z]"), _between(0, 9)), 1, 26),
    "measure": _any(_row(_like("point"), _decimal, _decimal), _row(_like("degrees|number"), _decimal)),
    "number": _any(
        _row(_like("fraction"), _whole, _between(1, _WIDEST)), _row(_like("decimal"), _whole, _between(-1_000, 1_100))
    ),
    "point": _row(_like("[A-Z]"), _between(1, 99)),
    "pours": _each(
        _any(_row(_like("fill|empty"), _like("[A-Z]")), _row(_like("pour"), _like("[A-Z]"), _like("[A-Z]")))
    ),
    "presses": _each(_like("[A-C]"), 1),
    "pushes": _like("[LRUD]{1,5000}"),
    "quoted-decimals": _DECIMALS,
    "roles": _each(_row(_like("[a-z]{1,30}"), _like("[a-z]{1,30}")), 1),
    "swaps": _each(_row(_like("[wB]"), _like(_PLACE), _like(_PLACE))),
    "term": _term,
    "text": _each(_token),
    "word": _word,
}
"""Form → whether a value is one of that form."""


def well_formed(form: str, value: Any) -> bool:
    """Whether a value that the reading process sent is one of `form`, in plain builtins and within bounds."""
    return FORMS[form](value)
