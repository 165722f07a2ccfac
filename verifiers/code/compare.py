"""When a returned value counts as the expected one. The task chooses the rule; exact is the default.

exact
    What ``assert f(…) == expected`` holds of, so that a task means the same as `cases` and as a test program: numbers
    are equal by their value, whatever type holds it (``6``, ``6.0``, ``np.int64(6)``, ``Fraction(6)``; ``True`` is
    ``1``, ``-0.0`` is ``0.0``), dictionaries and sets by what they hold, tuples with or without names; a list is no
    tuple, and a text no number. Two things that ``==`` cannot ask are taken for what a test would ask instead:
    every NaN equals every other NaN, and arrays of several items are equal if shape and items are.
tolerance
    As exact, but an int and a float, or two floats, or complex numbers, may differ by at most the tolerance,
    absolutely or relative to the expected one. Two ints must be equal, and so must a bool.
    An infinity equals only itself. Items of sets and keys of dicts must be exact.
multiset
    As exact, but where the expected value is a list or tuple, the order of its items is free (how often each occurs
    is not).
unordered
    As multiset, at every depth: a list of lists may come in any order, and so may each of them.

The cost is bounded: one walk over the smaller of both values, guided by the expected one, or one digest of each.
Nothing here calls a method of a value that is not of an exact type that crosses (`gristmill.sandbox.wire.values`), or
writes a value out: `repr` of a number may have more digits than Python writes. Nothing of what a candidate returns is
put into a hash table, so values that collide in hashing or are slow to compare cost nothing extra.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from gristmill.sandbox.wire.room import FRAMES_A_LEVEL, Room

__all__ = ["Rule", "equal"]

Rule = Literal["exact", "tolerance", "multiset", "unordered"]

_MAX_DEPTH = 200
_NUMBERS = (bool, int, float, complex, Fraction, Decimal)
_OTHERS = (str, bytes, bytearray, range, date, time, datetime, timedelta, type(None), type(Ellipsis), type)
_KINDS: dict[type, type] = dict.fromkeys((dict, defaultdict, Counter, OrderedDict), dict)
_KINDS |= (
    dict.fromkeys(_NUMBERS, complex) | dict.fromkeys((set, frozenset), set) | dict.fromkeys((bytes, bytearray), bytes)
)
_KINDS |= {str: str, list: list, tuple: tuple}
_LEAVES = frozenset((*_NUMBERS, *_OTHERS))


def equal(expected: Any, actual: Any, rule: Rule = "exact", tolerance: float = 1e-9) -> bool:
    """Whether `actual` counts as `expected`.

    Both must have passed the canonical decoding, which bounds their size and leaves only exact types. A value that
    nests deeper than 200 levels, or is of a type that does not cross, equals nothing.
    """
    try:
        with Room(FRAMES_A_LEVEL * _MAX_DEPTH):
            return _equal(expected, actual, rule, tolerance)
    except (_TooDeepError, _StrangeError, RecursionError, ArithmeticError):
        return False


def _equal(expected: Any, actual: Any, rule: Rule, tolerance: float) -> bool:
    if rule == "tolerance":
        return _same(expected, actual, lambda e, a: _near(e, a, tolerance), 0)
    if rule == "exact" or _kind(expected) is not _kind(actual) or _same(expected, actual, _identical, 0):
        return _same(expected, actual, _identical, 0)
    if rule == "multiset" and type(expected) in (list, tuple):
        return len(expected) == len(actual) and _bag(expected, 1, False) == _bag(actual, 1, False)
    return rule == "unordered" and _digest(expected, 0, True) == _digest(actual, 0, True)


class _TooDeepError(Exception):
    """A value nests deeper than we compare."""


class _StrangeError(Exception):
    """A value is of a type that never crosses."""


def _kind(value: Any) -> type:
    """The type that stands for all whose values Python compares with each other."""
    kind = type(value)
    if kind in _KINDS:
        return _KINDS[kind]
    return complex if _is_scalar(value) else tuple if issubclass(kind, tuple) else kind


def _same(expected: Any, actual: Any, leaves: Callable[[Any, Any], bool], depth: int) -> bool:
    """Walk both values at once, as far as the expected one goes."""
    if depth > _MAX_DEPTH:
        raise _TooDeepError
    kind = _kind(expected)
    if _is_numpy(expected) or _is_numpy(actual):
        return _same_arrays(expected, actual, leaves)
    if kind is not _kind(actual):
        return False
    if kind in (list, tuple, deque):
        return len(expected) == len(actual) and all(
            _same(e, a, leaves, depth + 1) for e, a in zip(expected, actual, strict=True)
        )
    if kind is slice:
        return all(_same(e, a, leaves, depth + 1) for e, a in zip(_ends(expected), _ends(actual), strict=True))
    if kind is dict:
        return _same_dicts(expected, actual, leaves, depth)
    if kind is set:
        return len(expected) == len(actual) and _bag(expected, depth + 1, False) == _bag(actual, depth + 1, False)
    return leaves(expected, actual)


def _same_dicts(expected: Any, actual: Any, leaves: Callable[[Any, Any], bool], depth: int) -> bool:
    both = (type(expected), type(actual))
    drop = both == (Counter, Counter)
    wanted, given = list(_pairs(expected, drop)), list(_pairs(actual, drop))
    keys, places = ([_digest(key, depth + 1, False) for key, _ in pairs] for pairs in (wanted, given))
    if set(keys) != set(places) or (both == (OrderedDict, OrderedDict) and keys != places):
        return False
    by_digest = dict(zip(places, given, strict=True))
    return all(_same(value, by_digest[key][1], leaves, depth + 1) for key, (_, value) in zip(keys, wanted, strict=True))


def _identical(expected: Any, actual: Any) -> bool:
    """Of two values that hold no others."""
    for each in (expected, actual):
        if type(each) not in _LEAVES and not _is_scalar(each):
            raise _StrangeError
    if type(expected) is type(actual) is complex:
        return _identical(expected.real, actual.real) and _identical(expected.imag, actual.imag)
    if _is_nan(expected) or _is_nan(actual):
        return _is_nan(expected) and _is_nan(actual)
    if not (_is_scalar(expected) or _is_scalar(actual)):
        return bool(expected == actual)
    import numpy as np

    with suppress(TypeError, ValueError), np.errstate(all="ignore"):  # a number that numpy does not know
        return bool(expected == actual)
    return False


def _is_nan(value: Any) -> bool:
    return (
        value.is_nan()
        if type(value) is Decimal
        else (type(value) in (float, complex) or _is_scalar(value)) and bool(value != value)
    )


def _near(expected: Any, actual: Any, tolerance: float) -> bool:
    if _identical(expected, actual):
        return True
    wanted, given = (each.item() if _is_scalar(each) else each for each in (expected, actual))
    numbers = (int, float, complex)
    if type(wanted) not in numbers or type(given) not in numbers or (type(wanted) is type(given) is int):
        return False
    if complex in (type(wanted), type(given)):
        wanted, given = complex(wanted), complex(given)
        return _near(wanted.real, given.real, tolerance) and _near(wanted.imag, given.imag, tolerance)
    try:
        wanted, given = float(wanted), float(given)
    except OverflowError:
        return False
    finite = math.isfinite(wanted) and math.isfinite(given)
    return finite and abs(wanted - given) <= max(tolerance, tolerance * abs(wanted))


def _is_numpy(value: Any) -> bool:
    return type(value) not in _KINDS and type(value).__module__.partition(".")[0] == "numpy"


def _is_array(value: Any) -> bool:
    return _is_numpy(value) and type(value).__name__ == "ndarray"


def _is_scalar(value: Any) -> bool:
    return _is_numpy(value) and not _is_array(value)


def _same_arrays(expected: Any, actual: Any, leaves: Callable[[Any, Any], bool]) -> bool:
    """Arrays by their items; of one item, as numpy has it, also with that item itself, or the only one of a list."""
    if _is_array(expected) and _is_array(actual) and max(expected.size, actual.size) > 1:
        return expected.shape == actual.shape and all(
            leaves(e, a) for e, a in zip(expected.ravel().tolist(), actual.ravel().tolist(), strict=True)
        )
    return leaves(_only(expected), _only(actual))


def _only(value: Any) -> Any:
    """The one item of an array, or of lists around one.

    Raises:
        _StrangeError: there are more, or none.
    """
    if _is_array(value) and value.size == 1:
        return value.reshape(())[()]
    while type(value) in (list, tuple) and len(value) == 1:
        value = value[0]
    if _is_array(value) or type(value) in (list, tuple):
        raise _StrangeError
    return value


def _bag(values: Any, depth: int, unordered: bool) -> list[bytes]:
    return sorted(_digest(value, depth, unordered) for value in values)


def _digest(value: Any, depth: int, unordered: bool) -> bytes:
    """A sha256 that two values share if they are equal by the rules above."""
    if depth > _MAX_DEPTH:
        raise _TooDeepError
    kind = _kind(value)
    if kind in (list, tuple):
        # The fields of a named tuple have their places.
        free = unordered and type(value) is kind
        parts = _bag(value, depth + 1, True) if free else [_digest(item, depth + 1, False) for item in value]
    elif kind is set:
        parts = _bag(value, depth + 1, unordered)
    elif kind is dict:
        # Only values are free in their order: a key that is a tuple is still that tuple.
        parts = sorted(
            _digest(key, depth + 1, False) + _digest(item, depth + 1, unordered)
            for key, item in _pairs(value, type(value) is Counter)
        )
    elif kind is deque:
        # A deque's order is never free, and its greatest length is no part of its value: so Python has it, too.
        parts = [_digest(item, depth + 1, False) for item in value]
    elif _is_array(value):
        parts = [str(value.shape).encode(), *(_leaf(item) for item in value.ravel().tolist())]
    else:
        parts = [_leaf(value)]
    total = hashlib.sha256(kind.__name__.encode())
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.digest()


def _pairs(value: dict[Any, Any], drop: bool) -> Iterable[tuple[Any, Any]]:
    """The items of a dictionary; `drop`: without counts of 0, which are none among Counters."""
    return (pair for pair in dict.items(value) if not (drop and type(pair[1]) is int and pair[1] == 0))


def _ends(value: slice) -> tuple[Any, Any, Any]:
    return value.start, value.stop, value.step


def _leaf(value: Any) -> bytes:
    kind = _kind(value)
    if kind is str:
        return bytes(value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return bytes(value)
    if kind is complex:
        return _number(value.item() if _is_scalar(value) else value)
    if kind in (type(None), type(Ellipsis)):
        return b""
    if kind is type:
        return str(value.__name__).encode("utf-8", "surrogatepass")
    return b",".join(map(_measured, _parts(value)))


def _number(value: Any) -> bytes:
    """The same for numbers that are equal, whatever type holds them."""
    if type(value) is complex:
        return _number(value.real) + (b"," + _number(value.imag) if value.imag else b"")
    if _is_nan(value):
        return b"nan"
    if type(value) in (float, Decimal) and value in (math.inf, -math.inf):
        return b"inf" if value > 0 else b"-inf"
    return b"/".join(map(_integer, value.as_integer_ratio()))


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _measured(value: Any) -> bytes:
    """A part of a leaf with its length before it, so that no two leaves of several parts read the same."""
    part = _leaf(value)
    return len(part).to_bytes(8, "big") + part


def _parts(value: Any) -> tuple[Any, ...]:
    """What a value of the standard library's scalar types consists of: numbers and text, the same for equal values."""
    kind = type(value)
    if kind is range:
        # By the numbers that it holds, as Python compares ranges; `len` of one may be too large for it.
        ends = (value[0], value[-1]) if value else ()
        return ends if len(ends) < 2 else ends[:1] if ends[0] == ends[1] else (*ends, value.step)
    if kind is slice:
        return tuple(_digest(part, 1, False) for part in _ends(value))
    if kind is timedelta:
        return value.days, value.seconds, value.microseconds
    if kind in (date, time, datetime):
        return (value.isoformat(),)
    raise _StrangeError
