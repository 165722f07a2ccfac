"""The candidate's own end of twins: what the judge asks of classes that it has read in the source text.

As everything in this process, it may be changed by the candidate, and is believed to be no more than its answer.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from gristmill.verifiers.code.guest.wire.carrying import BASES, Carrier

__all__ = ["Carried"]

_CONTAINERS: dict[str, Any] = {
    "list": lambda value: list(list.__iter__(value)),
    "dict": lambda value: dict(dict.items(value)),
    "set": lambda value: set(set.__iter__(value)),
    "Counter": lambda value: Counter(dict(dict.items(value))),
    "OrderedDict": lambda value: OrderedDict(OrderedDict.items(value)),
}


class Carried:
    """The classes that have a twin, by name. Each method named in `ASKED` is one thing that the judge may ask."""

    ASKED = frozenset(("carry", "members", "sample", "read", "invoke", "invoke_class"))

    OF_OBJECTS = frozenset(("fields", "contents"))

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._module: dict[str, Any] = {}
        self._names: dict[type, str] = {}

    def load(self, module: dict[str, Any]) -> None:
        """Take the names of the loaded solution."""
        self._module = module

    def name_of(self, kind: type) -> str:
        """The name under which objects of exactly this class are known to the judge; empty if they are not."""
        return self._names.get(kind, "")

    def carry(self, _: Any, rows: list[list[str]]) -> None:
        """Let objects of these classes cross: by value, or by a handle of that name."""
        for name, kind, base in rows:
            cls = self._module.get(name)
            if not isinstance(cls, type):
                continue
            if kind in ("dataclass", "contents"):
                self._names[cls] = name
            else:
                self._carrier.add(name, cls, kind, base)

    def members(self, owner: str) -> list[list[Any]]:
        """The names of an enumeration and their values, aliases too."""
        return [[name, member.value] for name, member in self._module[owner].__members__.items()]

    def sample(self, owner: str, value: Any, base: str) -> Any:
        """What the class makes of a plain value, as a plain value."""
        instance = self._module[owner](value)
        return BASES[base](instance) if type(instance) is self._module[owner] else None

    def read(self, _: str, value: Any, name: str) -> Any:
        """An attribute of a value that crossed."""
        return getattr(value, name)

    def invoke(self, _: str, value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """A method of a value that crossed."""
        return getattr(value, name)(*args, **kwargs)

    def invoke_class(self, owner: str, name: str, *args: Any, **kwargs: Any) -> Any:
        """A method of a class."""
        return getattr(self._module[owner], name)(*args, **kwargs)

    @staticmethod
    def fields(value: Any, *names: str) -> list[Any]:
        """The fields of an object as they are now."""
        return [getattr(value, name) for name in names]

    @staticmethod
    def contents(value: Any, base: str) -> Any:
        """What a container holds now."""
        return _CONTAINERS[base](value)
