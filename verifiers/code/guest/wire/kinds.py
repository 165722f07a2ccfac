"""Which kinds of values cross by their contents, and the link that stands for whatever does not.

Only exact types are known. Against subclasses and named tuples that pose as something else by their name.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

from gristmill.sandbox.wire.values import NAMED_TYPES
from gristmill.verifiers.code.guest.wire.carrying import Twin

__all__ = ["DICTS", "SCALARS", "SEQUENCES", "Remote", "is_leaf", "is_mutable_array", "is_named_tuple"]

# Crosses as a named tuple; a candidate that makes one of that name only confuses itself.
Remote: Any = namedtuple("GristmillRemote", "kind number flags name")  # type: ignore[name-match]  # named for the line

SCALARS = frozenset((type(None), bool, int, float, str, bytes, complex, range))
DICTS = (dict, Counter, OrderedDict, defaultdict)
SEQUENCES = (list, deque)


def _numpy() -> Any:
    """numpy if this process has loaded it: values of it cannot occur otherwise."""
    return sys.modules.get("numpy")


def is_mutable_array(value: Any) -> bool:
    """Whether a value is an array of numbers, which crosses by its contents."""
    numpy = _numpy()
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in "biufc"


def is_leaf(value: Any, kind: type) -> bool:
    """Whether canonical encoding takes the value whole, and nothing in it can change."""
    if kind in SCALARS or kind.__module__ in ("decimal", "fractions", "datetime") or value is ...:
        return kind.__name__ in _LEAVES
    if kind is type:
        return NAMED_TYPES.get("NoneType" if value is type(None) else value.__name__) is value
    numpy = _numpy()
    return numpy is not None and isinstance(value, numpy.generic) and numpy.dtype(kind).kind in "biufc"


_BUILTIN_LEAVES = {"NoneType", "bool", "int", "float", "str", "bytes", "complex", "range", "ellipsis"}
_LEAVES = _BUILTIN_LEAVES | {"Decimal", "Fraction", "date", "time", "datetime", "timedelta"}


def is_named_tuple(kind: type) -> bool:
    """Whether a class is a named tuple's, without any base of its own."""
    return (
        kind.__mro__[1:] == (tuple, object)
        and type(vars(kind).get("_fields")) is tuple
        and kind.__name__ not in (Remote.__name__, Twin.__name__)
    )
