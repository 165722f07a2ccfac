"""Values on the line between a judge and a candidate: what crosses, what is linked, what a call has changed.

Only exact types of the standard library, named tuples and numeric arrays cross by their contents; all else is named
by a number. Against subclasses that lie about what they hold, and small messages that unfold into huge values:
readers are the base classes' own, and the unfolded size is bounded. See `peer` for the line itself.
"""

from __future__ import annotations

import operator
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

from gristmill.sandbox.wire.values import NAMED_TYPES, DecodeError
from gristmill.verifiers.code.guest.wire.carrying import Carrier, Twin

__all__ = ["DICTS", "OPERATORS", "SEQUENCES", "Packer", "Remote", "Snapshot", "Unpacker", "containers", "put"]

# Special methods of a declared class that are passed on. Comparison, truth, hash and repr are not among them.
_OPERATOR_NAMES = """
    len contains getitem setitem delitem reversed str format int float complex index round trunc floor ceil
    neg pos abs invert add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
    iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor
"""
OPERATORS = frozenset(f"__{name}__" for name in _OPERATOR_NAMES.split())

# Crosses as a named tuple; a candidate that makes one of that name only confuses itself.
Remote: Any = namedtuple("GristmillRemote", "kind number flags name")  # type: ignore[name-match]  # named for the line

_SCALARS = frozenset((type(None), bool, int, float, str, bytes, complex, range))
DICTS = (dict, Counter, OrderedDict, defaultdict)
SEQUENCES = (list, deque)


def _numpy() -> Any:
    """numpy if this process has loaded it: values of it cannot occur otherwise."""
    return sys.modules.get("numpy")


def _is_mutable_array(value: Any) -> bool:
    numpy = _numpy()
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in "biufc"


def _is_leaf(value: Any, kind: type) -> bool:
    """Whether canonical encoding takes the value whole, and nothing in it can change."""
    if kind in _SCALARS or kind.__module__ in ("decimal", "fractions", "datetime") or value is ...:
        return kind.__name__ in _LEAVES
    if kind is type:
        return NAMED_TYPES.get("NoneType" if value is type(None) else value.__name__) is value
    numpy = _numpy()
    return numpy is not None and isinstance(value, numpy.generic) and numpy.dtype(kind).kind in "biufc"


_BUILTIN_LEAVES = {"NoneType", "bool", "int", "float", "str", "bytes", "complex", "range", "ellipsis"}
_LEAVES = _BUILTIN_LEAVES | {"Decimal", "Fraction", "date", "time", "datetime", "timedelta"}


def _is_named_tuple(kind: type) -> bool:
    return (
        kind.__mro__[1:] == (tuple, object)
        and type(vars(kind).get("_fields")) is tuple
        and kind.__name__ not in (Remote.__name__, Twin.__name__)
    )


def containers(values: list[Any]) -> list[Any]:
    """The containers in some values that can change in place, in the order in which `Packer` numbers them."""
    found: dict[int, Any] = {}
    for value in values:
        _collect(value, found)
    return list(found.values())


def _collect(value: Any, found: dict[int, Any]) -> None:
    kind: Any = type(value)
    if kind in _SCALARS:
        return
    if kind in SEQUENCES or kind in DICTS:
        if id(value) in found:
            return
        found[id(value)] = value
        inner: Any = value if kind in SEQUENCES else kind.values(value)
    elif kind is tuple or _is_named_tuple(kind):
        inner = value
    else:
        if kind is set or kind is bytearray or _is_mutable_array(value):
            found[id(value)] = value
        return
    if not set(map(type, inner)) <= _SCALARS:
        for item in inner:
            _collect(item, found)


class Packer:
    """Turns a message's values into ones that the canonical encoding takes.

    Args:
        export: what to put in place of an object that does not cross.
        known: containers of the other side's request, which the answer may name by their number.
    """

    def __init__(
        self, export: Callable[[Any], Any], known: list[Any] | None = None, carrier: Carrier | None = None
    ) -> None:
        self._export = export
        self._carrier = carrier or Carrier()
        # The list keeps the containers alive, so that no number is given to two.
        self.seen: list[Any] = list(known or ())
        self._numbers = {id(value): number for number, value in enumerate(self.seen)}
        self.linked = False

    def pack(self, value: Any) -> Any:
        """The value itself where it crosses as it is."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind in SEQUENCES or kind in DICTS or kind is set or kind is bytearray or _is_mutable_array(value):
            number = self._numbers.get(id(value))
            if number is not None:
                self.linked = True
                return Remote("ref", number, "", "")
            self._numbers[id(value)] = len(self.seen)
            self.seen.append(value)
            return self.contents(value)
        if kind is tuple:
            return value if set(map(type, value)) <= _SCALARS else tuple(map(self.pack, value))
        if kind is frozenset:
            return value if set(map(type, value)) <= _SCALARS else frozenset(map(self.pack, value))
        if _is_leaf(value, kind):
            return value
        twin = self._carrier.pack(value, kind)
        if twin is not None:
            self.linked = True
            return Twin(twin.name, self.pack(twin.parts))
        if _is_named_tuple(kind):
            items = list(map(self.pack, tuple.__iter__(value)))
            return tuple.__new__(kind, items)
        self.linked = True
        return self._export(value)

    def contents(self, value: Any) -> Any:
        """A container with its items packed."""
        kind: Any = type(value)
        if kind in SEQUENCES:
            if set(map(type, value)) <= _SCALARS:
                return value
            items = list(map(self.pack, value))
            return items if kind is list else deque(items, value.maxlen)
        if kind in DICTS:
            if kind is defaultdict:
                return self._defaultdict(value)
            if set(map(type, kind.values(value))) <= _SCALARS and set(map(type, value)) <= _SCALARS:
                return value
            pairs = [(self.pack(key), self.pack(item)) for key, item in kind.items(value)]
            # Counter(pairs) would count the pairs.
            return kind(dict(pairs)) if kind is Counter else kind(pairs)
        if kind is set:
            return value if set(map(type, value)) <= _SCALARS else set(map(self.pack, value))
        return value

    def _defaultdict(self, value: defaultdict[Any, Any]) -> Any:
        factory = value.default_factory
        crosses = factory is None or (type(factory) is type and _is_leaf(factory, type))
        pairs = {self.pack(key): self.pack(item) for key, item in dict.items(value)}
        return defaultdict(factory if crosses else None, pairs)


class Unpacker:
    """The way back: puts proxies, own objects and known containers where a message names them."""

    def __init__(
        self, proxy: Callable[[Any], Any], known: list[Any] | None = None, carrier: Carrier | None = None
    ) -> None:
        self._proxy = proxy
        self._carrier = carrier or Carrier()
        self._seen: list[Any] = list(known or ())
        self.refers = False

    def unpack(self, value: Any) -> Any:
        """The value with its links resolved; containers are changed in place where they are new.

        Raises:
            DecodeError: it names something that does not exist.
        """
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind in SEQUENCES or kind in DICTS or kind is set or kind is bytearray or _is_mutable_array(value):
            self._seen.append(value)
            self._fill(value, kind)
            return value
        if kind is tuple:
            return tuple(map(self.unpack, value))
        if kind is frozenset:
            return frozenset(map(self.unpack, value))
        if kind.__name__ == Remote.__name__ and issubclass(kind, tuple):
            return self._link(value)
        if kind.__name__ == Twin.__name__ and issubclass(kind, tuple) and len(value) == 2:
            return self._carrier.unpack(value[0], self.unpack(value[1]))
        if _is_named_tuple(kind):
            return tuple.__new__(kind, list(map(self.unpack, value)))
        return value

    def _link(self, value: Any) -> Any:
        if len(value) != 4 or type(value[1]) is not int or not all(type(value[n]) is str for n in (0, 2, 3)):
            raise DecodeError("a link is malformed")
        if value[0] != "ref":
            return self._proxy(Remote(*value))
        if not 0 <= value[1] < len(self._seen):
            raise DecodeError("a link leads nowhere")
        self.refers = True
        return self._seen[value[1]]

    def contents(self, value: Any) -> Any:
        """What `put` takes, from a container that came in the place of one that has a number already."""
        kind = type(value)
        if kind in SEQUENCES or kind is set:
            return [self.unpack(item) for item in value]
        if kind in DICTS:
            return [(self.unpack(key), self.unpack(item)) for key, item in kind.items(value)]
        return value

    @staticmethod
    def plain(value: Any) -> Any:
        """The same for a message without links."""
        kind = type(value)
        return kind.items(value) if kind in DICTS else value

    def _fill(self, value: Any, kind: Any) -> None:
        if kind is bytearray or _is_mutable_array(value):
            return
        inner = kind.values(value) if kind in DICTS else value
        if set(map(type, inner)) <= _SCALARS and (kind not in DICTS or set(map(type, value)) <= _SCALARS):
            return
        put(value, self.contents(value))


def put(value: Any, contents: Any) -> None:
    """Give a container new contents, keeping it the same object."""
    kind = type(value)
    if kind in SEQUENCES:
        kind.clear(value)
        kind.extend(value, contents)
    elif kind in DICTS:
        kind.clear(value)
        for key, item in contents:
            kind.__setitem__(value, key, item)
    elif kind is set:
        value.clear()
        value.update(contents)
    elif kind is bytearray:
        value[:] = contents
    else:
        if type(contents) is not type(value) or contents.shape != value.shape or contents.dtype != value.dtype:
            raise DecodeError("an array was changed into another kind of array")
        value[...] = contents


class Snapshot:
    """What a container held, to see later whether it has changed."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.was = self._read()

    def _read(self) -> Any:
        value, kind = self.value, type(self.value)
        if kind in SEQUENCES:
            return list(value)
        if kind in DICTS:
            return [part for pair in kind.items(value) for part in pair]
        if kind is set:
            return set(value)
        return bytes(value) if kind is bytearray else value.tobytes()

    def changed(self) -> bool:
        """Whether it now holds other objects, or in another order."""
        now = self._read()
        if type(now) is list:
            return len(now) != len(self.was) or not all(map(operator.is_, now, self.was))
        return bool(now != self.was)
