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

__all__ = ["Held", "Snapshot", "changes_in", "containers", "parts_of"]

_MOST_HELD, _MOST_ITEMS = 100, 10_000


def containers(values: list[Any], shared: Shared) -> list[Any]:
    """What can change in place in some values, in the order in which `Packer` numbers it."""
    walk = _Walk(shared)
    for value in values:
        walk.collect(value)
    for value in walk.waiting:  # which grows meanwhile
        for each in attributes(value).values():
            walk.collect(each)
    return list(walk.containers.values())


class _Walk:
    def __init__(self, shared: Shared) -> None:
        self.containers: dict[int, Any] = {}
        self.waiting: list[Any] = []
        self._shared = shared

    def collect(self, value: Any) -> None:
        kind: Any = type(value)
        if kind in SCALARS:
            return
        if kind in SEQUENCES or kind in DICTS:
            if id(value) in self.containers:
                return
            self.containers[id(value)] = value
            inner: Any = value if kind in SEQUENCES else kind.values(value)
        elif kind is tuple or is_named_tuple(kind):
            inner = value
        elif self._shared.name_of(kind):
            if not self._shared.is_key(kind):
                if id(value) not in self.containers:
                    self.containers[id(value)] = value
                    self.waiting.append(value)
                return
            inner = attributes(value).values()
        else:
            if kind is set or kind is bytearray or is_mutable_array(value):
                self.containers[id(value)] = value
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

    def renew(self) -> None:
        """What it holds now is what is compared with; of a big one nothing is kept, and nothing is told later."""
        big = hasattr(self.value, "__len__") and len(self.value) > _MOST_ITEMS
        self.was = None if big else self._read()

    def more(self) -> list[Any] | None:
        """What was added to the end of a list that is otherwise as it was; None if that is not all that has changed."""
        if type(self.value) is not list or len(self.value) <= len(self.was):
            return None
        same = all(map(operator.is_, self.value, self.was))
        return self.value[len(self.was) :] if same else None

    def changed(self) -> bool:
        """Whether it now holds other objects, or in another order."""
        if self.was is None:
            return False
        now = self._read()
        if type(now) is list:
            return len(now) != len(self.was) or not all(map(operator.is_, now, self.was))
        return bool(now != self.was)


class Held:
    """Which containers each of the candidate's objects may go on changing: those that came with a call that made it.

    A context manager writes to the list that it was given when it is left. Only the candidate's changes cross: what the
    tests put into a container later is not told, since that may be what they want.
    """

    def __init__(self) -> None:
        self._of: dict[int, list[Any]] = {}
        self._given: dict[int, Any] = {}

    def of(self, target: Any) -> list[Any]:
        """What the object of that number may change."""
        return self._of.get(target, []) if type(target) is int else []

    def hold(self, target: Any, created: Any, values: list[Any], given: list[Any] | None = None) -> None:
        """Note what was at hand in a call of an object, or one that made an object: `created` is its number.

        `given` is what of it came with the call.
        """
        if len(values) <= _MOST_HELD:
            for number in (target, created):
                if type(number) is int:
                    self._of[number] = list(values)
                    self._given |= {id(value): value for value in given or ()}

    def changed(self, held: list[Any], numbers: list[int], first: int) -> int:
        """How many of the numbers are of what was given in an earlier call; those of held ones begin at `first`."""
        places = [(~number if number < 0 else number) - first for number in numbers]
        return sum(place >= 0 and id(held[place]) in self._given for place in places)


def parts_of(contents: Any) -> list[Any]:
    """What stands in the contents of a container, where that may be a container too."""
    kind = type(contents)
    return list(kind.values(contents)) if kind in DICTS else list(contents) if kind in SEQUENCES else []


def changes_in(given: list[Snapshot], held: list[Snapshot], pack: Any) -> list[list[Any]]:
    """The rows of an answer that say what has changed; ``~number`` where a list has only grown."""
    rows = [[number, pack(each.value)] for number, each in enumerate(given) if each.changed()]
    for number, each in enumerate(held, len(given)):
        if each.changed():
            more = each.more()
            rows.append([number, pack(each.value)] if more is None else [~number, pack(more)])
    return rows
