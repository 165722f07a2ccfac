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
Nothing here calls a method of a value that is not of an exact builtin or numpy type, and nothing of what a candidate
returns is put into a hash table, so values that collide in hashing or are slow to compare cost nothing extra.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["Rule", "equal"]

Rule = Literal["exact", "tolerance", "multiset", "unordered"]

_MAX_DEPTH = 200


def equal(expected: Any, actual: Any, rule: Rule = "exact", tolerance: float = 1e-9) -> bool:
    """Whether `actual` counts as `expected`.

    Both must have passed the canonical decoding, which bounds their size and leaves only exact types. A value that
    nests deeper than 200 levels equals nothing.
    """
    try:
        if rule == "tolerance":
            return _same(expected, actual, lambda e, a: _near(e, a, tolerance), 0)
        if rule == "exact":
            return _same(expected, actual, _identical, 0)
        if type(expected) is not type(actual):
            return False
        if rule == "multiset" and isinstance(expected, list | tuple):
            return len(expected) == len(actual) and _bag(expected, 1, False) == _bag(actual, 1, False)
        return _digest(expected, 0, rule == "unordered") == _digest(actual, 0, rule == "unordered")
    except (_TooDeepError, RecursionError, ArithmeticError):
        # A signalling NaN of Decimal raises when it is compared.
        return False


class _TooDeepError(Exception):
    """A value nests deeper than we compare."""


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


def _identical(expected: Any, actual: Any) -> bool:
    if type(expected) is not type(actual):
        return False
    if type(expected) is float:
        if expected != expected:
            return bool(actual != actual)
        return bool(expected == actual) and math.copysign(1, expected) == math.copysign(1, actual)
    if type(expected) is complex:
        return _identical(expected.real, actual.real) and _identical(expected.imag, actual.imag)
    return bool(expected == actual)


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


def _leaf(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        return bytes(value.encode("utf-8", "surrogatepass"))
    if kind in (bytes, bytearray):
        return bytes(value)
    if kind is int:
        return int(value).to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    if kind is float:
        return b"nan" if value != value else value.hex().encode()
    if kind is complex:
        return _leaf(value.real) + b"," + _leaf(value.imag)
    return repr(value).encode()
