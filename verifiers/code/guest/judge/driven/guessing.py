"""Guesses: values that somebody has who never did what a task asks.

Constants, what is visible (a case's `given` and the literals of `drive`), what is simply derived of these, and all of
them in the places of the form that `drive` returns or `expected` has. No candidate has a part in it. Against tests that
an attacker passes blindly: see `trying`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gristmill.sandbox.wire.values import DEEP, EncodeError, encode

__all__ = ["guesses", "in_turn"]

_MOST_VISIBLE = 48
_MOST_LITERALS = 100
_MOST_IN_A_CASE = 2000
_HOLE = "\0hole"
_TRUE = "\0true"
_CONSTANTS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 0.0, 1.0, "", [], {}, (), set())


def guesses(case: dict[str, Any], literals: list[Any], forms: list[Any]) -> Iterator[Any]:
    """All guesses for a case, likely ones first, each once, and no more than 2,000."""
    given = {key: value for key, value in case.items() if key != "expected"}
    whole = list(_whole(given, literals))
    whole += _like(case.get("expected"), whole)
    seen: set[bytes] = set()
    number = 0
    for each in _all(given, whole, forms):
        try:
            encoded = encode(each, DEEP._replace(size=1 << 20))
        except EncodeError:
            continue
        if encoded not in seen:
            seen.add(encoded)
            number += 1
            yield each
            if number >= _MOST_IN_A_CASE:
                return


def in_turn(literals: list[Any], times: int) -> Iterator[list[Any]]:
    """Guesses for so many reports of one assertion: the items of a visible table, or what is derived of each."""
    for table in literals:
        if type(table) not in (list, tuple) or len(table) != times or times < 2:
            continue
        widths = {len(row) if type(row) in (list, tuple) else 0 for row in table}
        columns = [list(column) for column in zip(*table, strict=True)] if len(widths) == 1 and widths != {0} else []
        for column in [list(table), *columns]:
            yield column
            for derive in _DERIVED:
                try:
                    yield [derive(each) for each in column]
                except Exception:  # noqa: S112  # not every value has a length
                    continue


def _all(given: dict[str, Any], whole: list[Any], forms: list[Any]) -> Iterator[Any]:
    yield from whole
    for form in forms:
        yield _filled(form, lambda key: given.get(key))
        for each in whole:
            yield _filled(form, lambda key, each=each: each)


def _like(expected: Any, whole: list[Any]) -> Iterator[Any]:
    """What has the wanted value's form, where that is a container whose keys are visible, and nothing else of it."""
    seen = {each for each in whole if type(each) is str}
    if type(expected) not in (dict, list, tuple) or not _keys(expected) <= seen:
        return
    for each in list(whole):
        yield _filled(_top(expected), lambda key, each=each: each)
    yield _zeros(expected)
    for each in _CONSTANTS:
        yield _leaves(expected, each)


def _whole(given: dict[str, Any], literals: list[Any]) -> Iterator[Any]:
    """Constants, what is visible, and what is simply derived of that."""
    visible = list(_visible(given))[:_MOST_VISIBLE] + list(literals)[:_MOST_LITERALS]
    yield from _CONSTANTS
    yield given
    yield from visible
    for value in [given, *visible]:
        for derive in _DERIVED:
            try:
                yield derive(value)
            except Exception:  # noqa: S112  # not every value has a length
                continue


def _visible(given: Any) -> Iterator[Any]:
    """The parts of a value, level by level."""
    level = [given]
    while level:
        below: list[Any] = []
        for value in level:
            parts = list(value.values()) if type(value) is dict else value if type(value) in (list, tuple) else []
            below += list(parts)[:_MOST_VISIBLE]
            if type(value) is dict:
                yield from value
        yield from below
        level = below[:_MOST_VISIBLE]


_DERIVED: tuple[Callable[[Any], Any], ...] = (
    len,
    sum,
    sorted,
    lambda value: sorted(value, reverse=True),
    lambda value: value[::-1],
    lambda value: list(value.values()),
    lambda value: list(value),
    lambda value: tuple(value),
    lambda value: set(value),
    min,
    max,
    lambda value: value.upper(),
    lambda value: value.lower(),
    lambda value: value.strip(),
    lambda value: value.split(),
    lambda value: [value] if type(value) in (str, int, float) else value[:0],
    lambda value: str(value) if type(value) in (int, float) else int(value),
)


def _filled(form: Any, of: Callable[..., Any], key: Any = None) -> Any:
    """A form with something in the place of each hole."""
    if type(form) is str and form in (_HOLE, _TRUE):
        return of(key) if form == _HOLE else True
    if type(form) is dict:
        return {name: _filled(each, of, name) for name, each in form.items()}
    if type(form) in (list, tuple):
        return type(form)(_filled(each, of, key) for each in form)
    return form


def _top(value: Any) -> Any:
    """The form of a container whose items are all holes."""
    return dict.fromkeys(value, _HOLE) if type(value) is dict else type(value)([_HOLE] * len(value))


def _leaves(value: Any, leaf: Any) -> Any:
    """A value with another in the place of all that it holds."""
    if type(value) is dict:
        return {key: _leaves(each, leaf) for key, each in value.items()}
    return type(value)(_leaves(each, leaf) for each in value) if type(value) in (list, tuple) else leaf


def _zeros(value: Any) -> Any:
    """A value of the same types that says nothing."""
    if type(value) is dict:
        return {key: _zeros(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)()
    return type(value)() if type(value) in (bool, int, float, str) else None


def _keys(value: Any) -> set[Any]:
    """All keys of a value, at every depth: only where they are visible can somebody guess its form."""
    if type(value) is dict:
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if type(value) in (list, tuple) else set()
