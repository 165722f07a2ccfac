"""Bytes to values; the format is described in `gristmill.sandbox.wire.values`, which is where to import this from.

The bytes come from code that nobody trusts. Nothing here looks a name up anywhere but in the tables below.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import json
import math
import re
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from gristmill.sandbox.wire.bounds import DEFAULT, Bounds, DecodeError
from gristmill.sandbox.wire.encoding import ARRAY_TYPES, NAMED_TYPES, valid_fields
from gristmill.sandbox.wire.room import FRAMES_A_LEVEL, Room

__all__ = ["decode"]

# Keys that share a hash make a set quadratic. Honest ones never do by the dozen.
_SAME_HASH: Final = 64
_NAMED_TUPLES: Final = 32
_NESTED: Final = frozenset((list, dict))
# What is divided by another number as it is made, which takes the square of its digits.
_DIVIDED_DIGITS: Final = 100_000
# A string of JSON, in which no comma or bracket counts; one without an end goes on to the end: "a, \"b\" [c"
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_to_tree = json.JSONDecoder().decode


def decode(data: bytes | bytearray | memoryview, bounds: Bounds = DEFAULT) -> Any:
    """The value that `data` encodes, made of new objects. `bounds.digits` binds from 4300 digits on.

    Raises:
        DecodeError: it is not the encoding of a value within the bounds.
    """
    if len(data) > bounds.size + 16:
        raise DecodeError(bounds.too_big())
    data = bytes(data)
    try:
        try:
            return _decode(data, bounds)
        except RecursionError:
            pass  # deep values are rare
        with Room(FRAMES_A_LEVEL * bounds.depth):
            return _decode(data, bounds)
    except DecodeError:
        raise
    except RecursionError:
        raise DecodeError(f"nested deeper than {bounds.depth} levels") from None
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise DecodeError(f"not an encoded value: {type(error).__name__}") from None


def _decode(data: bytes, bounds: Bounds) -> Any:
    text, blobs = data, memoryview(b"")
    if data[:1] == b"\0":
        end = 5 + int.from_bytes(data[1:5], "big")
        text, blobs = data[5:end], memoryview(data)[end:]
    openings = text.count(b"[") + text.count(b"{")
    tagged = b'"$' in text
    # A tag takes up to three levels of text for one of the value's.
    factor = 3 if tagged else 1
    many = openings * 2 + text.count(b",") >= bounds.nodes
    if many:
        _check_text(text, factor * bounds.nodes, bounds)
    tree = _to_tree(text.decode())
    if many or openings > bounds.depth:
        _check(tree, factor * bounds.depth, factor * bounds.nodes, bounds)
    if not tagged:
        return tree
    return _Decoder(blobs, bounds).build(tree)


def _check_text(text: bytes, nodes: int, bounds: Bounds) -> None:
    """Refuse a text of too many parts before any of them is made: a part of two characters makes sixty bytes."""
    bare = _STRINGS.sub(b"", text)
    if bare.count(b"[") + bare.count(b"{") + bare.count(b",") > 2 * (nodes + 1):
        raise DecodeError(bounds.too_many())


def _check(tree: Any, depth: int, nodes: int, bounds: Bounds) -> None:
    """Measure a tree level by level, without recursion."""
    level: list[Any] = [tree] if type(tree) in _NESTED else []
    while level:
        depth -= 1
        children = list(chain.from_iterable(node.values() if type(node) is dict else node for node in level))
        nodes -= len(children)
        if depth < 0:
            raise DecodeError(f"nested deeper than {bounds.depth} levels")
        if nodes < 0:
            raise DecodeError(bounds.too_many())
        level = [child for child in children if type(child) in _NESTED]


class _Decoder:
    """One run of `decode`."""

    def __init__(self, blobs: memoryview, bounds: Bounds) -> None:
        self.blobs = blobs
        self.unread = len(blobs)
        self.bounds = bounds
        self.named: set[Any] = set()

    def build(self, node: Any) -> Any:
        kind = type(node)
        if kind is list:
            return self.items(node)
        if kind is not dict:
            return node
        if len(node) == 1:
            ((tag, payload),) = node.items()
            if tag[:1] == "$":
                return _TAGS[tag](self, payload)
        if "$" in "".join(node) and any(key[:1] == "$" for key in node):
            raise DecodeError("a tag among other keys")
        return {key: self.build(item) for key, item in node.items()}

    def items(self, node: Any) -> list[Any]:
        if type(node) is not list:
            raise DecodeError("a tag holds the wrong type")
        if _NESTED.isdisjoint(map(type, node)):
            return node
        return [self.build(item) for item in node]

    def keys(self, node: Any) -> list[Any]:
        """Values that go into a set or a dict, checked to be no attack on their hashes."""
        keys = self.items(node)
        if len(keys) > _SAME_HASH and max(Counter(map(hash, keys)).values()) > _SAME_HASH:
            raise DecodeError("too many keys share one hash")
        return keys

    def pairs(self, node: Any) -> Iterable[tuple[Any, Any]]:
        keys, values = _list(node, 2)
        return zip(self.keys(keys), self.items(values), strict=True)

    def blob(self, place: Any) -> bytearray:
        """The bytes at a place of the binary part. Its parts may not be used over and over."""
        offset, length = _integers(place, 2)
        self.unread -= length
        if offset < 0 or length < 0 or offset + length > len(self.blobs) or self.unread < 0:
            raise DecodeError("a place outside the binary part")
        return bytearray(self.blobs[offset : offset + length])

    def array(self, node: Any) -> Any:
        import numpy

        dtype, shape, place = _list(node, 3)
        if type(dtype) is not str or dtype not in ARRAY_TYPES:
            raise DecodeError("no such array type")
        shape = _integers(shape)
        data = self.blob(place)
        if len(shape) > 32 or any(side < 0 for side in shape):
            raise DecodeError("no such array shape")
        if math.prod(shape) * numpy.dtype(dtype).itemsize != len(data):
            raise DecodeError("an array's shape does not fit its bytes")
        if not data:
            return numpy.zeros(shape, dtype)
        if dtype == "|b1":
            # A truth value that is neither 0 nor 1 makes numpy contradict itself.
            return (numpy.frombuffer(data, "|u1") != 0).reshape(shape)
        return numpy.frombuffer(data, dtype).reshape(shape)

    def integer(self, node: Any) -> int:
        if len(_str(node)) > self.bounds.digits + 4:
            raise DecodeError(f"an integer has more than {self.bounds.digits:,} digits")
        value = int(node, 16)
        if value.bit_length() > self.bounds.digits * 3.33 + 1:
            raise DecodeError(f"an integer has more than {self.bounds.digits:,} digits")
        return value

    def named_tuple(self, node: Any) -> Any:
        name, fields, values = _list(node, 3)
        fields = [_str(each) for each in _list(fields)]
        if not valid_fields(_str(name), fields):
            raise DecodeError("not the names of a named tuple")
        key = (name, *fields)
        self.named.add(key)
        if len(self.named) > _NAMED_TUPLES:
            raise DecodeError("too many kinds of named tuples")
        values = self.items(values)
        return _named_tuple(key)._make(values)

    def defaultdict(self, node: Any) -> Any:
        name, keys, values = _list(node, 3)
        factory = None if name is None else NAMED_TYPES[_str(name)]
        return defaultdict(factory, self.pairs([keys, values]))

    def deque(self, node: Any) -> Any:
        items, most = _list(node, 2)
        if most is not None:
            (most,) = _integers([most])
        return deque(self.items(items), most)

    def bytes(self, node: Any) -> bytes:
        return base64.b64decode(node, validate=True) if type(node) is str else bytes(self.blob(node))

    def fraction(self, node: Any) -> fractions.Fraction:
        return fractions.Fraction(*_divided(_integers(self.items(node), 2)))


@lru_cache(maxsize=256)
def _named_tuple(key: tuple[str, ...]) -> Any:
    # collections.namedtuple evaluates text made of these names: `valid_fields` let only plain identifiers through.
    return namedtuple(key[0], key[1:], rename=True)


def _list(node: Any, length: int | None = None) -> list[Any]:
    if type(node) is not list or (length is not None and len(node) != length):
        raise DecodeError("a tag holds the wrong type")
    return node


def _integers(node: Any, length: int | None = None) -> list[int]:
    if any(type(each) is not int for each in _list(node, length)):
        raise DecodeError("a tag holds the wrong type")
    return list(node)


def _divided(numbers: list[int]) -> list[int]:
    """Numbers that will be divided by one another."""
    if any(number.bit_length() > _DIVIDED_DIGITS * 3.33 for number in numbers):
        raise DecodeError(f"an integer in a fraction or range has more than {_DIVIDED_DIGITS:,} digits")
    return numbers


def _str(node: Any) -> str:
    if type(node) is not str:
        raise DecodeError("a tag holds the wrong type")
    return node


def _complex(decoder: _Decoder, node: Any) -> complex:
    real, imaginary = _list(node, 2)
    if type(real) is not float or type(imaginary) is not float:
        raise DecodeError("a tag holds the wrong type")
    return complex(real, imaginary)


def _decimal(decoder: _Decoder, node: Any) -> decimal.Decimal:
    value = decimal.Decimal(_str(node))
    _, digits, exponent = value.as_tuple()
    if len(digits) > 5000 or (type(exponent) is int and abs(exponent) > 5000):
        raise DecodeError("a Decimal has too many digits")
    return value


def _moment(decoder: _Decoder, node: Any) -> Any:
    name, text, fold = _list(node, 3)
    value = _MOMENTS[_str(name)].fromisoformat(_str(text))
    return value if fold == 0 or name == "date" else value.replace(fold=1)


_MOMENTS: Final[dict[str, Any]] = {"date": datetime.date, "time": datetime.time, "datetime": datetime.datetime}
_TAGS: Final[dict[str, Callable[[_Decoder, Any], Any]]] = {
    "$t": lambda decoder, node: tuple(decoder.items(node)),
    "$s": lambda decoder, node: set(decoder.keys(node)),
    "$f": lambda decoder, node: frozenset(decoder.keys(node)),
    "$d": lambda decoder, node: dict(decoder.pairs(node)),
    "$i": _Decoder.integer,
    "$u": lambda decoder, node: "".join(map(chr, _integers(node))),
    "$b": _Decoder.bytes,
    "$B": lambda decoder, node: decoder.blob(node),
    "$c": _complex,
    "$r": lambda decoder, node: range(*_divided(_integers(decoder.items(node), 3))),
    "$l": lambda decoder, node: slice(*_list(decoder.items(node), 3)),
    "$e": lambda decoder, node: ...,
    "$T": lambda decoder, node: NAMED_TYPES[_str(node)],
    "$C": lambda decoder, node: Counter(dict(decoder.pairs(node))),
    "$O": lambda decoder, node: OrderedDict(decoder.pairs(node)),
    "$D": _Decoder.defaultdict,
    "$q": _Decoder.deque,
    "$N": _Decoder.named_tuple,
    "$m": _decimal,
    "$F": _Decoder.fraction,
    "$x": _moment,
    "$y": lambda decoder, node: datetime.timedelta(*_integers(node, 3)),
    "$a": _Decoder.array,
    "$n": lambda decoder, node: decoder.array(node)[()],
}
