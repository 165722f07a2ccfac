"""Values on the line between a judge and a candidate: what crosses, what is linked, what a call has changed.

Only exact types of the standard library, named tuples and numeric arrays cross by their contents; all else is named
by a number. Against subclasses that lie about what they hold, and small messages that unfold into huge values:
readers are the base classes' own, and the unfolded size is bounded. See `peer` for the line itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from gristmill.sandbox.wire.values import DEEP, DecodeError, EncodeError
from gristmill.verifiers.code.guest.wire.carrying import Carrier, Twin
from gristmill.verifiers.code.guest.wire.kinds import (
    DICTS,
    SCALARS,
    SEQUENCES,
    Remote,
    is_leaf,
    is_mutable_array,
    is_named_tuple,
)
from gristmill.verifiers.code.guest.wire.shared import attributes, blank, fill

__all__ = ["DICTS", "OPERATORS", "SEQUENCES", "Packer", "Remote", "Unpacker", "put"]

# Special methods of a declared class that are passed on. Comparison, truth, hash and repr are not among them.
_OPERATOR_NAMES = """
    len contains getitem setitem delitem reversed str format int float complex index round trunc floor ceil
    neg pos abs invert add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
    iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor
"""
OPERATORS = frozenset(f"__{name}__" for name in _OPERATOR_NAMES.split())


class Packer:
    """Turns a message's values into ones that the canonical encoding takes.

    Args:
        export: what to put in place of an object that does not cross.
        known: containers of the other side's request, which the answer may name by their number.
    """

    def __init__(
        self, export: Callable[[Any], Any], seen: list[Any] | None = None, carrier: Carrier | None = None
    ) -> None:
        self._export = export
        self._carrier = carrier or Carrier()
        # The list keeps the containers alive, so that no number is given to two.
        self.seen: list[Any] = list(seen or ())
        self._level = 0
        self._numbers = {id(value): number for number, value in enumerate(self.seen)}
        self._waiting: list[Any] = []
        self._in_keys = 0
        self.linked = False

    def links(self) -> Any:
        """What a message says of its links, once all is packed: if there are any, or what the objects in it hold."""
        table = [self._attributes(value) for value in self._waiting]  # which grows meanwhile
        return table or self.linked

    def _attributes(self, value: Any) -> dict[str, Any]:
        return {name: self.pack(each) for name, each in attributes(value).items()}

    def _key(self, value: Any) -> Any:
        self._in_keys += 1
        packed = self.pack(value)
        self._in_keys -= 1
        return packed

    def _object(self, value: Any, name: str) -> Any:
        self.linked = True
        if self._carrier.shared.is_key(type(value)):
            return Twin(name, tuple(self._attributes(value).items()))
        number = self._numbers.get(id(value))
        if number is not None:
            return Remote("ref", number, "", "")
        if self._in_keys:  # both sides number what they meet, and sets have no order
            return self._export(value)
        self._numbers[id(value)] = len(self.seen)
        self.seen.append(value)
        self._waiting.append(value)
        return Twin(name, None)

    def pack(self, value: Any) -> Any:
        """The value itself where it crosses as it is.

        Raises:
            EncodeError: it nests too deep; what calls this makes `Room` for as many levels.
        """
        kind = type(value)
        if kind in SCALARS:
            return value
        # Counted, since a candidate may have raised the recursion limit beyond what its stack holds.
        self._level += 1
        if self._level > DEEP.depth:
            raise EncodeError(f"nested deeper than {DEEP.depth} levels, or containing itself")
        packed = self._packed(value, kind)
        self._level -= 1
        return packed

    def _packed(self, value: Any, kind: Any) -> Any:
        if kind in SEQUENCES or kind in DICTS or kind is set or kind is bytearray or is_mutable_array(value):
            number = self._numbers.get(id(value))
            if number is not None:
                self.linked = True
                return Remote("ref", number, "", "")
            self._numbers[id(value)] = len(self.seen)
            self.seen.append(value)
            return self.contents(value)
        if kind is tuple:
            return value if set(map(type, value)) <= SCALARS else tuple(map(self.pack, value))
        if kind is frozenset:
            return value if set(map(type, value)) <= SCALARS else frozenset(map(self._key, value))
        if is_leaf(value, kind):
            return value
        shared = self._carrier.shared.name_of(kind)
        if shared:
            return self._object(value, shared)
        twin = self._carrier.pack(value, kind)
        if twin is not None:
            self.linked = True
            return Twin(twin.name, self.pack(twin.parts))
        if is_named_tuple(kind):
            items = list(map(self.pack, tuple.__iter__(value)))
            return tuple.__new__(kind, items)
        self.linked = True
        return self._export(value)

    def contents(self, value: Any) -> Any:
        """A container with its items packed."""
        kind: Any = type(value)
        if kind in SEQUENCES:
            if set(map(type, value)) <= SCALARS:
                return value
            items = list(map(self.pack, value))
            return items if kind is list else deque(items, value.maxlen)
        if kind in DICTS:
            if kind is defaultdict:
                return self._defaultdict(value)
            if set(map(type, kind.values(value))) <= SCALARS and set(map(type, value)) <= SCALARS:
                return value
            pairs = [(self._key(key), self.pack(item)) for key, item in kind.items(value)]
            # Counter(pairs) would count the pairs.
            return kind(dict(pairs)) if kind is Counter else kind(pairs)
        if kind is set:
            return value if set(map(type, value)) <= SCALARS else set(map(self._key, value))
        return self._attributes(value) if self._carrier.shared.name_of(kind) else value

    def _defaultdict(self, value: defaultdict[Any, Any]) -> Any:
        factory = value.default_factory
        crosses = factory is None or (type(factory) is type and is_leaf(factory, type))
        pairs = {self._key(key): self.pack(item) for key, item in dict.items(value)}
        return defaultdict(factory if crosses else None, pairs)


class Unpacker:
    """The way back: puts proxies, own objects and known containers where a message names them."""

    def __init__(
        self, proxy: Callable[[Any], Any], seen: list[Any] | None = None, carrier: Carrier | None = None
    ) -> None:
        self._proxy = proxy
        self._carrier = carrier or Carrier()
        self.seen: list[Any] = list(seen or ())
        self._waiting: list[Any] = []
        self.refers = False

    def finish(self, links: Any) -> None:
        """Give the objects that were met what a message says that they hold, once all else is unpacked.

        Raises:
            DecodeError, LookupError: it does not say it.
        """
        for place, value in enumerate(self._waiting):  # which grows meanwhile
            if type(links) is not list or type(links[place]) is not dict:
                raise DecodeError("an object's attributes are malformed")
            fill(value, {name: self.unpack(each) for name, each in links[place].items()})

    def _object(self, kind: type, given: Any) -> Any:
        instance = blank(kind)
        if given is None:
            self.seen.append(instance)
            self._waiting.append(instance)
        else:
            fill(instance, dict(self.unpack(given)))
            try:
                hash(instance)
            except Exception:  # its class is the tests', which expects other attributes
                raise DecodeError("an object's attributes are none of its class's") from None
        return instance

    def unpack(self, value: Any) -> Any:
        """The value with its links resolved; containers are changed in place where they are new.

        Raises:
            DecodeError: it names something that does not exist.
        """
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind in SEQUENCES or kind in DICTS or kind is set or kind is bytearray or is_mutable_array(value):
            self.seen.append(value)
            self._fill(value, kind)
            return value
        if kind is tuple:
            return tuple(map(self.unpack, value))
        if kind is frozenset:
            return frozenset(map(self.unpack, value))
        if kind.__name__ == Remote.__name__ and issubclass(kind, tuple):
            return self._link(value)
        if kind.__name__ == Twin.__name__ and issubclass(kind, tuple) and len(value) == 2:
            if (shared := self._carrier.shared.class_of(value[0], value[1] is not None)) is not None:
                return self._object(shared, value[1])
            return self._carrier.unpack(value[0], self.unpack(value[1]))
        if is_named_tuple(kind):
            return tuple.__new__(kind, list(map(self.unpack, value)))
        return value

    def _link(self, value: Any) -> Any:
        if len(value) != 4 or type(value[1]) is not int or not all(type(value[n]) is str for n in (0, 2, 3)):
            raise DecodeError("a link is malformed")
        if value[0] != "ref":
            return self._proxy(Remote(*value))
        if not 0 <= value[1] < len(self.seen):
            raise DecodeError("a link leads nowhere")
        self.refers = True
        return self.seen[value[1]]

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
        if kind is bytearray or is_mutable_array(value):
            return
        inner = kind.values(value) if kind in DICTS else value
        if set(map(type, inner)) <= SCALARS and (kind not in DICTS or set(map(type, value)) <= SCALARS):
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
    elif not is_mutable_array(value):
        fill(value, dict(contents))
    else:
        if type(contents) is not type(value) or contents.shape != value.shape or contents.dtype != value.dtype:
            raise DecodeError("an array was changed into another kind of array")
        value[...] = contents
