"""Values to bytes; the format is described in `gristmill.sandbox.wire.values`, from where to import it."""

from __future__ import annotations

import base64
import builtins
import datetime
import decimal
import fractions
import json
import math
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from keyword import iskeyword
from typing import Any, Final

from gristmill.sandbox.wire.bounds import DEEP, Bounds, EncodeError
from gristmill.sandbox.wire.room import FRAMES_A_LEVEL, Room

__all__ = ["ARRAY_TYPES", "NAMED_TYPES", "encode", "valid_fields"]


NAMED_TYPES: Final[dict[str, type]] = {
    name: kind for name, kind in vars(builtins).items() if type(kind) is type and kind.__name__ == name
} | {"NoneType": type(None), "Counter": Counter, "OrderedDict": OrderedDict, "defaultdict": defaultdict, "deque": deque}
ARRAY_TYPES: Final = frozenset(
    ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"]
)

_SCALARS: Final = frozenset((type(None), bool, int, float, str))
_PLAIN_DIGITS: Final = 1000
_PLAIN_BITS: Final = _PLAIN_DIGITS * 3
_BITS_PER_DIGIT: Final = math.log2(10)
_to_text = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode(value: object, bounds: Bounds = DEEP) -> bytes:
    """The value's bytes.

    Raises:
        EncodeError: a type that may not cross, or a bound that is exceeded (cycles exceed the depth).
    """
    with suppress(RecursionError):  # deep values are rare
        return _encoded(value, bounds)
    try:
        with Room(FRAMES_A_LEVEL * bounds.depth):
            return _encoded(value, bounds)
    except RecursionError:
        raise EncodeError(f"nested deeper than {bounds.depth} levels, or containing itself") from None


def _encoded(value: object, bounds: Bounds) -> bytes:
    try:
        return _Encoder(bounds).encode(value)
    except UnicodeEncodeError:
        # Lone surrogates are rare, and finding them costs a look at every character.
        return _Encoder(bounds, surrogates=True).encode(value)


class _Encoder:
    """One run of `encode`: what is left of the bounds, and the binary part so far."""

    def __init__(self, bounds: Bounds, *, surrogates: bool = False) -> None:
        self.bounds = bounds
        self.nodes = bounds.nodes
        self.size = bounds.size
        self.depth = bounds.depth
        self.most_bits = int(bounds.digits * _BITS_PER_DIGIT) + 1
        self.surrogates = surrogates
        self.blobs: list[bytes] = []
        self.offset = 0

    def encode(self, value: object) -> bytes:
        text = _to_text(self.tree(value, 0)).encode()
        if len(text) + self.offset > self.bounds.size:
            raise EncodeError(self.bounds.too_big())
        if not self.blobs:
            return text
        return b"".join((b"\0", len(text).to_bytes(4, "big"), text, *self.blobs))

    def tree(self, value: Any, depth: int) -> Any:
        """The JSON tree of a value; a part that is plain is returned as it is, without a copy."""
        kind = type(value)
        if kind in _SCALARS:
            self._count(1)
            return self._scalar(value, kind)
        if depth >= self.depth:
            raise EncodeError(f"nested deeper than {self.depth} levels, or containing itself")
        if kind is list:
            return self._items(value, depth)
        if kind is dict:
            return self._dict(value, depth)
        if kind is tuple:
            return {"$t": self._items(value, depth)}
        encoder = _ENCODERS.get(kind)
        if encoder is not None:
            self._count(1)
            return encoder(self, value, depth)
        return self._other(value, kind, depth)

    def _count(self, nodes: int, size: int = 0) -> None:
        self.nodes -= nodes
        self.size -= size
        if self.nodes < 0:
            raise EncodeError(self.bounds.too_many())
        if self.size < 0:
            raise EncodeError(self.bounds.too_big())

    def _scalar(self, value: Any, kind: type) -> Any:
        if kind is str:
            self._count(0, len(value))
            if self.surrogates and not value.isascii():
                return self._text(value)
        elif kind is int and value.bit_length() > _PLAIN_BITS:
            bits = value.bit_length()
            if bits > self.most_bits:
                raise EncodeError(f"an integer has more than {self.bounds.digits:,} digits")
            self._count(0, bits >> 2)
            # Hexadecimal: decimal text of a huge integer takes quadratic time, and Python refuses it.
            return {"$i": hex(value)}
        return value

    def _text(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"$u": list(map(ord, value))}
        return value

    def _items(self, value: Any, depth: int) -> list[Any]:
        items = value if type(value) is list else list(value)
        self._count(1 + len(items), len(items))
        kinds = set(map(type, items))
        if kinds <= _SCALARS and not self.surrogates:
            if str in kinds:
                self._count(0, sum(len(item) for item in items if type(item) is str))
            if int not in kinds or max(item.bit_length() for item in items if type(item) is int) <= _PLAIN_BITS:
                return items
        self.nodes += len(items)
        tree = self.tree
        return [tree(item, depth + 1) for item in items]

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        self._count(1 + len(value), len(value))
        if set(map(type, value)) <= {str}:
            keys = "".join(value)
            self._count(0, len(keys))
            if "$" not in keys and not self.surrogates:
                tree = self.tree
                return {key: tree(item, depth + 1) for key, item in value.items()}
        return {"$d": self._pairs(list(value.items()), depth)}

    def _pairs(self, pairs: list[tuple[Any, Any]], depth: int) -> list[Any]:
        tree = self.tree
        return [[tree(key, depth + 1) for key, _ in pairs], [tree(item, depth + 1) for _, item in pairs]]

    def blob(self, data: bytes) -> list[int]:
        """Put bytes into the binary part; returns their place."""
        self._count(0, len(data))
        place = [self.offset, len(data)]
        self.blobs.append(data)
        self.offset += len(data)
        return place

    def _other(self, value: Any, kind: type, depth: int) -> Any:
        if isinstance(value, type):
            name = type.__getattribute__(value, "__name__")
            if NAMED_TYPES.get("NoneType" if value is type(None) else name) is value:
                return {"$T": name}
            raise EncodeError(f"the class {_name(value)} is not a builtin type")
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and kind is numpy.ndarray:
            return {"$a": self._array(value)}
        if numpy is not None and numpy.generic in kind.__mro__ and numpy.dtype(kind).type is kind:
            return {"$n": self._array(numpy.asarray(value))}
        if kind.__mro__[1:] == (tuple, object) and (fields := _fields(kind)) is not None:
            items = list(tuple.__iter__(value))
            if len(items) == len(fields):
                return {"$N": [kind.__name__, fields, self._items(items, depth)]}
        raise EncodeError(f"values of type {_name(kind)} do not cross")

    def _array(self, value: Any) -> list[Any]:
        self._count(1, 0)
        if value.nbytes > self.size:
            raise EncodeError(self.bounds.too_big())
        dtype = value.dtype.newbyteorder("<")
        if dtype.str not in ARRAY_TYPES:
            raise EncodeError(f"arrays of dtype {str(dtype)[:40]} do not cross, numeric ones do")
        if value.dtype.str != dtype.str:
            value = value.astype(dtype)
        # Copied first and measured after: another thread of a candidate may reshape the array meanwhile.
        data, shape = value.tobytes(), list(value.shape)
        if math.prod(shape) * dtype.itemsize != len(data):
            raise EncodeError("an array changed while it was read")
        return [dtype.str, shape, self.blob(data)]


def _name(kind: type) -> str:
    return str(type.__getattribute__(kind, "__name__"))[:80]


def _fields(kind: type) -> list[str] | None:
    """The field names of a named tuple's class, if it is one."""
    fields = vars(kind).get("_fields")
    if type(fields) is tuple and set(map(type, fields)) <= {str} and valid_fields(_name(kind), list(fields)):
        return list(fields)
    return None


def valid_fields(name: str, fields: list[str]) -> bool:
    """Whether these are plain identifiers, few and different, as a named tuple and its class may have."""
    names = [name, *fields]
    return (
        len(fields) <= 64
        and len(set(fields)) == len(fields)
        and all(len(each) <= 80 and each.isascii() and each.isidentifier() and not iskeyword(each) for each in names)
        # ``namedtuple(…, rename=True)`` calls the third field _2 where it may not have its name.
        and not any(each.startswith("_") and each != f"_{place}" for place, each in enumerate(fields))
    )


def _bytes(self: _Encoder, value: bytes, depth: int) -> Any:
    if len(value) <= 32:
        return {"$b": base64.b64encode(value).decode()}
    return {"$b": self.blob(value)}


def _counted(tag: str, reader: Callable[[Any], list[Any]]) -> Callable[[_Encoder, Any, int], Any]:
    """An encoder of a mapping type as its tag and its keys and values."""

    def encoder(self: _Encoder, value: Any, depth: int) -> Any:
        pairs = reader(value)
        self._count(len(pairs), len(pairs))
        return {tag: self._pairs(pairs, depth)}

    return encoder


def _set(tag: str) -> Callable[[_Encoder, Any, int], Any]:
    def encoder(self: _Encoder, value: Any, depth: int) -> Any:
        items = list(value)
        if len(set(map(type, items))) == 1 and type(items[0]) in (int, str):
            # So that equal sets of the usual kinds give equal bytes.
            items.sort()
        return {tag: self._items(items, depth)}

    return encoder


def _defaultdict(self: _Encoder, value: Any, depth: int) -> Any:
    factory = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", "") if isinstance(factory, type) else ""
    if name is not None and NAMED_TYPES.get(name) is not factory:
        raise EncodeError("a defaultdict crosses only with a builtin type as its factory")
    pairs = list(dict.items(value))
    self._count(len(pairs), len(pairs))
    return {"$D": [name, *self._pairs(pairs, depth)]}


def _decimal(self: _Encoder, value: decimal.Decimal, depth: int) -> Any:
    _, digits, exponent = value.as_tuple()
    self._count(0, len(digits))
    if len(digits) > 5000 or (type(exponent) is int and abs(exponent) > 5000):
        raise EncodeError("a Decimal has too many digits")
    return {"$m": str(value)}


def _moment(self: _Encoder, value: Any, depth: int) -> Any:
    offset = value.tzinfo
    if offset is not None and type(offset) is not datetime.timezone:
        raise EncodeError("times cross only without a time zone, or with a fixed offset")
    return {"$x": [type(value).__name__, value.isoformat(), value.fold]}


_ENCODERS: Final[dict[type, Callable[[_Encoder, Any, int], Any]]] = {
    bytes: _bytes,
    bytearray: lambda self, value, depth: {"$B": self.blob(bytes(value))},
    complex: lambda self, value, depth: {"$c": [value.real, value.imag]},
    set: _set("$s"),
    frozenset: _set("$f"),
    range: lambda self, value, depth: {"$r": self._items([value.start, value.stop, value.step], depth)},
    slice: lambda self, value, depth: {"$l": self._items([value.start, value.stop, value.step], depth)},
    type(Ellipsis): lambda self, value, depth: {"$e": 0},
    Counter: _counted("$C", lambda value: list(dict.items(value))),
    OrderedDict: _counted("$O", lambda value: list(OrderedDict.items(value))),
    defaultdict: _defaultdict,
    deque: lambda self, value, depth: {"$q": [self._items(list(value), depth), value.maxlen]},
    decimal.Decimal: _decimal,
    fractions.Fraction: lambda self, value, depth: {"$F": self._items([value.numerator, value.denominator], depth)},
    datetime.date: lambda self, value, depth: {"$x": ["date", value.isoformat(), 0]},
    datetime.time: _moment,
    datetime.datetime: _moment,
    datetime.timedelta: lambda self, value, depth: {"$y": [value.days, value.seconds, value.microseconds]},
}
