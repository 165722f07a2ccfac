"""Source that both sides load because the tests say so: objects of its classes cross by value.

Each side runs the same text, and holds classes of its own from it. Only names and values of attributes cross, flat, so
that a list of nodes may be long; an object stays one object, and what a call changes in it comes back. Against a
candidate that changes the classes or sends other attributes: what stands on the judge's side is of the judge's class,
whose methods no attribute can hide, and equality is that class's matter.
"""

from __future__ import annotations

import abc
import contextlib
import linecache
import sys
import types
from typing import Any

from gristmill.sandbox.wire.values import DecodeError

__all__ = ["FILENAME", "Shared", "attributes", "blank", "fill", "is_own_exception"]

FILENAME = "<shared>"
_BASES = (object, abc.ABC)
# What the language or a test runner asks by itself is no attribute of a value.
_ASKED = ("__", "_gristmill", "pytest", "_pytest", "_mock")


class Shared:
    """The classes of shared source, by name."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}
        self._names: dict[type, str] = {}

    def load(self, source: str) -> dict[str, Any]:
        """Run the source as the module ``shared``; returns what it gives to tests and solution.

        Raises:
            BaseException: whatever it raises.
        """
        module = types.ModuleType("shared")
        module.__file__ = FILENAME
        linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
        sys.modules["shared"] = module
        exec(compile(source, FILENAME, "exec", dont_inherit=True), vars(module))
        given = _names_in(vars(module))
        for name, value in given.items():
            if isinstance(value, type) and value.__module__ == "shared" and _is_plain(value):
                self._classes[f"={name}"] = value
                self._names[value] = f"={name}"
        return given

    def name_of(self, kind: type) -> str:
        """Under which name objects of exactly this class cross; empty if they do not."""
        return self._names.get(kind, "")

    def class_of(self, name: Any, whole: bool) -> type | None:
        """The class of that name.

        Raises:
            DecodeError: its objects cross whole, as keys do, and this one does not; or the other way round.
        """
        cls = self._classes.get(name) if type(name) is str else None
        if cls is not None and self.is_key(cls) is not whole:
            raise DecodeError("an object's attributes are not where they belong")
        return cls

    @staticmethod
    def is_key(kind: type) -> bool:
        """Whether a class hashes its objects by what they hold: those cross whole, like tuples."""
        own: Any = kind.__hash__
        return own is not object.__hash__ and own is not None


def is_own_exception(value: Any) -> bool:
    """Whether a value is a class of exceptions that shared source defines."""
    return isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == "shared"


def _names_in(module: dict[str, Any]) -> dict[str, Any]:
    """What a module gives by its names."""
    return {name: value for name, value in module.items() if not name.startswith("__")}


def _is_plain(kind: type) -> bool:
    """Whether all that its objects hold are attributes."""
    return type(kind) in (type, abc.ABCMeta) and all(
        base in _BASES or base.__module__ in ("shared", "typing") for base in kind.__mro__
    )


def _slots(kind: type) -> dict[str, Any]:
    return {
        name: value
        for base in reversed(kind.__mro__)
        for name, value in vars(base).items()
        if type(value) is types.MemberDescriptorType
    }


def attributes(value: Any) -> dict[str, Any]:
    """All that an object holds, read as its base class would."""
    by_name = {}
    for name, slot in _slots(type(value)).items():
        try:
            by_name[name] = slot.__get__(value)
        except AttributeError:
            continue
    with contextlib.suppress(AttributeError):
        by_name |= object.__getattribute__(value, "__dict__")
    return by_name


def fill(value: Any, given: Any) -> None:
    """Give an object all that it holds; what would hide a method of its class is left out.

    Raises:
        DecodeError: that is no attributes.
    """
    if type(given) is not dict or not all(type(name) is str for name in given):
        raise DecodeError("an object's attributes are malformed")
    kind = type(value)
    slots = _slots(kind)
    own: Any = None
    with contextlib.suppress(AttributeError):
        own = object.__getattribute__(value, "__dict__")
        own.clear()
    for name, slot in slots.items():
        if name in given:
            slot.__set__(value, given[name])
        else:
            _unset(slot, value)
    for name, each in given.items():
        if name not in slots and own is not None and not name.startswith(_ASKED) and not _is_method(kind, name):
            own[name] = each


def _unset(slot: Any, value: Any) -> None:
    with contextlib.suppress(AttributeError):
        slot.__delete__(value)


def _is_method(kind: type, name: str) -> bool:
    """Whether a class has more than a plain value by that name."""
    for base in kind.__mro__:
        if name in vars(base):
            attribute = vars(base)[name]
            return callable(attribute) or hasattr(type(attribute), "__get__")
    return False


def blank(kind: type) -> Any:
    """An object that holds nothing yet."""
    return object.__new__(kind)
