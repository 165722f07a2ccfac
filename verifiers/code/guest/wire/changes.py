"""What can change in place among the values of a call, and whether it has.

Both sides number it in the same order, so that an answer can say what a call has changed. Against an order that differs
between two processes: what stands in sets and keys has no number.
"""

from __future__ import annotations

import operator
from typing import Any

from gristmill.verifiers.code.guest.wire.kinds import (
    DICTS,
    SCALARS,
    SEQUENCES,
    is_mutable_array,
    is_named_tuple,
)
from gristmill.verifiers.code.guest.wire.shared import Shared, attributes

__all__ = ["Snapshot", "containers"]


def containers(values: list[Any], shared: Shared) -> list[Any]:
    """What can change in place in some values, in the order in which `Packer` numbers it."""
    walk = _Walk(shared)
    for value in values:
        walk.collect(value)
    for value in walk.waiting:  # which grows meanwhile
        for each in attributes(value).values():
            walk.collect(each)
    return list(walk.found.values())


class _Walk:
    def __init__(self, shared: Shared) -> None:
        self.found: dict[int, Any] = {}
        self.waiting: list[Any] = []
        self._shared = shared

    def collect(self, value: Any) -> None:
        kind: Any = type(value)
        if kind in SCALARS:
            return
        if kind in SEQUENCES or kind in DICTS:
            if id(value) in self.found:
                return
            self.found[id(value)] = value
            inner: Any = value if kind in SEQUENCES else kind.values(value)
        elif kind is tuple or is_named_tuple(kind):
            inner = value
        elif self._shared.name_of(kind):
            if not self._shared.is_key(kind):
                if id(value) not in self.found:
                    self.found[id(value)] = value
                    self.waiting.append(value)
                return
            inner = attributes(value).values()
        else:
            if kind is set or kind is bytearray or is_mutable_array(value):
                self.found[id(value)] = value
            return
        if not set(map(type, inner)) <= SCALARS:
            for item in inner:
                self.collect(item)


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
        if kind is bytearray:
            return bytes(value)
        if is_mutable_array(value):
            return value.tobytes()
        return [part for pair in attributes(value).items() for part in pair]

    def changed(self) -> bool:
        """Whether it now holds other objects, or in another order."""
        now = self._read()
        if type(now) is list:
            return len(now) != len(self.was) or not all(map(operator.is_, now, self.was))
        return bool(now != self.was)
