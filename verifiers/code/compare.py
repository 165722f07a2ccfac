"""When a returned value counts as the expected one. The task chooses the rule; exact is the default.

exact
    The same value of the same type, all the way down: ``True`` is not ``1``, ``1`` is not ``1.0``, a list is not a
    tuple, ``-0.0`` is not ``0.0`` (they print and divide differently). Every NaN equals every other NaN, since a
    task could not ask for one otherwise. The order of dicts and sets is free, as in Python.
tolerance
    As exact, but an int and a float, or two floats, or complex numbers, may differ by at most the tolerance,
    absolutely or relative to the expected one; ``-0.0`` is ``0.0``. Two ints must be equal, and a bool is no number.
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
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from gristmill.sandbox.wire.room import FRAMES_A_LEVEL, Room

__all__ = ["Rule", "equal"]

Rule = Literal["exact", "tolerance", "multiset", "unordered"]

_MAX_DEPTH = 200


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
    if rule == "exact":
        return _same(expected, actual, _identical, 0)
    if _kind(expected) != _kind(actual):
        return False
    if rule == "multiset" and type(expected) in (list, tuple):
        return len(expected) == len(actual) and _bag(expected, 1, False) == _bag(actual, 1, False)
    return _digest(expected, 0, rule == "unordered") == _digest(actual, 0, rule == "unordered")


class _TooDeepError(Exception):
    """A value nests deeper than we compare."""


class _StrangeError(Exception):
    """A value is of a type that never crosses."""


def _same(expected: Any, actual: Any, leaves: Callable[[Any, Any], bool], depth: int) -> bool:
    """Walk both values at once, as far as the expected one goes."""
    if depth > _MAX_DEPTH:
        raise _TooDeepError
    kind = type(expected)
    if kind in (list, tuple):
        return (
            type(actual) is kind
            and len(expected) == len(actual)
            and all(_same(e, a, leaves, depth + 1) for e, a in zip(expected, actual, strict=True))
        )
    if kind is dict:
        if type(actual) is not dict or len(expected) != len(actual):
            return False
        found = {_digest(key, depth + 1, False): value for key, value in actual.items()}
        for key, value in expected.items():
            place = _digest(key, depth + 1, False)
            if place not in found or not _same(value, found[place], leaves, depth + 1):
                return False
        return True
    if kind in (set, frozenset):
        return (
            type(actual) is kind
            and len(expected) == len(actual)
            and _bag(expected, depth + 1, False) == _bag(actual, depth + 1, False)
        )
    if _is_array(expected) or _is_array(actual):
        return _same_arrays(expected, actual, leaves)
    return leaves(expected, actual)


def _kind(value: Any) -> Any:
    """The value's type; of a named tuple its names, since each decoding may make another class of them."""
    kind = type(value)
    return (kind.__name__, kind._fields) if issubclass(kind, tuple) and hasattr(kind, "_fields") else kind


def _identical(expected: Any, actual: Any) -> bool:
    if _kind(expected) != _kind(actual):
        return False
    if type(expected) is float:
        if expected != expected:
            return bool(actual != actual)
        return bool(expected == actual) and math.copysign(1, expected) == math.copysign(1, actual)
    if type(expected) is complex:
        return _identical(expected.real, actual.real) and _identical(expected.imag, actual.imag)
    if type(expected) in _ATOMS:
        return bool(expected == actual)
    return _digest(expected, 0, False) == _digest(actual, 0, False)


def _near(expected: Any, actual: Any, tolerance: float) -> bool:
    numbers = (int, float, complex)
    if type(expected) not in numbers or type(actual) not in numbers or (type(expected) is type(actual) is int):
        return _identical(expected, actual)
    if complex in (type(expected), type(actual)):
        if type(expected) is not type(actual):
            return False
        return _near(expected.real, actual.real, tolerance) and _near(expected.imag, actual.imag, tolerance)
    try:
        wanted, given = float(expected), float(actual)
    except OverflowError:
        return False
    if math.isnan(wanted) or math.isnan(given):
        return math.isnan(wanted) and math.isnan(given)
    if math.isinf(wanted) or math.isinf(given):
        return wanted == given
    return abs(wanted - given) <= max(tolerance, tolerance * abs(wanted))


def _is_array(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy"


def _same_arrays(expected: Any, actual: Any, leaves: Callable[[Any, Any], bool]) -> bool:
    """Arrays and numpy's scalars: dtype and shape are part of the value, under every rule."""
    if type(expected) is not type(actual) or expected.dtype != actual.dtype or expected.shape != actual.shape:
        return False
    if expected.tobytes() == actual.tobytes():
        return True
    return all(leaves(e, a) for e, a in zip(expected.ravel().tolist(), actual.ravel().tolist(), strict=True))


def _bag(values: Any, depth: int, unordered: bool) -> list[bytes]:
    return sorted(_digest(value, depth, unordered) for value in values)


def _digest(value: Any, depth: int, unordered: bool) -> bytes:
    """A sha256 that two values share exactly if they are equal by the rules above."""
    if depth > _MAX_DEPTH:
        raise _TooDeepError
    kind = type(value)
    if kind in (list, tuple):
        parts = _bag(value, depth + 1, True) if unordered else [_digest(item, depth + 1, False) for item in value]
    elif kind in (set, frozenset):
        parts = _bag(value, depth + 1, unordered)
    elif kind is dict:
        # Only values are free in their order: a key that is a tuple is still that tuple.
        parts = sorted(
            _digest(key, depth + 1, False) + _digest(item, depth + 1, unordered) for key, item in value.items()
        )
    elif kind is deque:
        # A deque's order is never free, and its greatest length is no part of its value: so Python has it, too.
        parts = [_digest(item, depth + 1, False) for item in value]
    elif kind in (defaultdict, Counter, OrderedDict):
        parts = [_digest(pair, depth + 1, False) for pair in _pairs(value)]
        parts = parts if kind is OrderedDict else sorted(parts)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        parts = [_digest(item, depth + 1, False) for item in (kind._fields, *value)]
    elif _is_array(value):
        clean = _canonical_nans(value) if value.dtype.kind in "fc" else value
        parts = [str((value.dtype.str, value.shape)).encode(), clean.tobytes()]
    else:
        parts = [_leaf(value)]
    total = hashlib.sha256(kind.__name__.encode())
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.digest()


def _canonical_nans(value: Any) -> Any:
    import numpy as np

    parts = value.copy() if value.dtype.kind == "f" else np.stack([value.real, value.imag])
    return np.where(np.isnan(parts), np.full_like(parts, np.nan), parts)


def _pairs(value: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """The items of a dictionary of the standard library; to a Counter, a count of 0 is no count."""
    counts = type(value) is Counter
    return (pair for pair in dict.items(value) if not (counts and type(pair[1]) is int and pair[1] == 0))


_ATOMS = (int, str, bool, bytes, bytearray, type(None), type(Ellipsis), type)


def _leaf(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        return bytes(value.encode("utf-8", "surrogatepass"))
    if kind in (bytes, bytearray):
        return bytes(value)
    if kind in (int, bool):
        return int(value).to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    if kind is float:
        return b"nan" if value != value else value.hex().encode()
    if kind is complex:
        return _leaf(value.real) + b"," + _leaf(value.imag)
    if kind in (type(None), type(Ellipsis)):
        return b""
    if kind is type:
        return str(value.__name__).encode("utf-8", "surrogatepass")
    return b",".join(map(_measured, _numbers(value)))


def _measured(value: Any) -> bytes:
    """A part of a leaf with its length before it, so that no two leaves of several parts read the same."""
    part = _leaf(value)
    return len(part).to_bytes(8, "big") + part


def _numbers(value: Any) -> tuple[Any, ...]:
    """What a value of the standard library's scalar types consists of: numbers and text, the same for equal values."""
    kind = type(value)
    if kind is Fraction:
        return value.numerator, value.denominator
    if kind is Decimal:
        # Trailing zeros and the sign of zero do not count, as Python's own == has it; nor does a NaN's payload.
        return ("nan",) if value.is_nan() else (str(value),) if value.is_infinite() else value.as_integer_ratio()
    if kind is range:
        # By the numbers that it holds, as Python compares ranges; `len` of one may be too large for it.
        ends = (value[0], value[-1]) if value else ()
        return ends if len(ends) < 2 else ends[:1] if ends[0] == ends[1] else (*ends, value.step)
    if kind is slice:
        return tuple(_digest(part, 1, False) for part in (value.start, value.stop, value.step))
    if kind is timedelta:
        return value.days, value.seconds, value.microseconds
    if kind in (date, time, datetime):
        return (value.isoformat(),)
    raise _StrangeError
