"""Values that cross as a name and plain parts: members, named tuples, texts and numbers of a solution's own classes,
views of dictionaries, slices, pure paths, texts and times of numpy.

Both sides hold a class for each name: the candidate its own, the judge a twin made from what the source text says.
Against objects that decide what they are equal to: only parts cross, each checked for its type, and what stands for
the object on the judge's side is of the judge's class.
"""

from __future__ import annotations

import enum
import math
import pathlib
import re
import sys
from collections import OrderedDict, namedtuple
from typing import Any

from gristmill.sandbox.wire.values import DecodeError
from gristmill.verifiers.code.guest.wire.shared import Shared

__all__ = ["BASES", "Carrier", "Twin"]

# Crosses as a named tuple, as `Remote` does; its parts are packed like any other values.
Twin: Any = namedtuple("GristmillTwin", "name parts")  # type: ignore[name-match]  # named for the line

BASES: dict[str, Any] = {"int": int, "str": str, "float": float, "bytes": bytes, "tuple": tuple}
_READERS: dict[str, Any] = {
    "int": int.__int__,
    "str": str.__str__,
    "float": float.__float__,
    "bytes": lambda value: bytes.__getitem__(value, slice(None)),
    "tuple": lambda value: tuple(tuple.__iter__(value)),
}
_MAPPINGS: tuple[Any, ...] = ({}, OrderedDict())
_VIEWS: dict[type, str] = {
    type(getattr(of, name)()): f"${name}" for of in _MAPPINGS for name in ("keys", "values", "items")
}
# Paths that open nothing: what a file holds is no candidate's to choose.
_PATHS: dict[str, type] = {kind.__name__: kind for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath)}
_DTYPE = re.compile(r"[<|][US][0-9]{1,6}|<[Mm]8(?:\[[0-9]{0,4}[a-zA-Zμ]{1,2}\])?")  # <U5, |S3, <M8[ns]


class Carrier:
    """The classes that cross by value, by name; each with its kind and, for ``value``, the name of its base."""

    def __init__(self) -> None:
        self._classes: dict[str, tuple[Any, str, str]] = {}
        self._names: dict[type, str] = {}
        self.shared = Shared()

    def share(self, source: str) -> dict[str, Any]:
        """Run source that both sides load; returns what it gives by its names.

        Raises:
            BaseException: whatever it raises.
        """
        given = self.shared.load(source)
        for name, value in given.items():
            if getattr(value, "__module__", "") != "shared":
                continue
            if isinstance(value, enum.EnumMeta):
                self.add(f"={name}", value, "enum", "")
            elif isinstance(value, type) and value.__mro__[1:] == (tuple, object) and hasattr(value, "_fields"):
                self.add(f"={name}", value, "tuple", "")
        return given

    def add(self, name: str, cls: type, kind: str, base: str) -> None:
        """Have objects of a class cross by value from now on; `kind` is ``enum``, ``tuple`` or ``value``."""
        self._classes[name] = (cls, kind, base)
        self._names[cls] = name

    def pack(self, value: Any, kind: type) -> Any:
        """The twin to send, with parts that are not packed yet; None if the value is none of those."""
        if kind in _VIEWS:
            return Twin(_VIEWS[kind], tuple(value))
        if kind is slice:
            return Twin("$slice", (value.start, value.stop, value.step))
        if kind in _PATHS.values():
            return Twin("$path", (kind.__name__, str(value)))
        name = self._names.get(kind)
        if name is not None:
            parts = self._parts(value, *self._classes[name])
            return None if parts is None else Twin(name, parts)
        return _pack_numpy(value)

    @staticmethod
    def _parts(value: Any, cls: Any, kind: str, base: str) -> Any:
        if kind == "enum":
            name = value._name_
            return name if cls.__members__.get(name) is value else value._value_
        if kind == "tuple":
            return tuple(tuple.__iter__(value))
        # What has attributes beside its value is no value.
        return None if getattr(value, "__dict__", None) else _READERS[base](value)

    def unpack(self, name: Any, parts: Any) -> Any:
        """The object that a twin stands for here.

        Raises:
            DecodeError, ValueError, TypeError, LookupError: it stands for none.
        """
        if name == "numpy":
            return _unpack_numpy(*parts)
        if type(name) is not str or (name.startswith("$") and type(parts) is not tuple):
            raise DecodeError("a twin is malformed")
        if name == "$keys":
            return dict.fromkeys(parts).keys()
        if name == "$values":
            return dict(enumerate(parts)).values()
        if name == "$items":
            return dict(parts).items()
        if name == "$slice":
            return slice(*parts)
        if name == "$path":
            kind, text = parts
            return _PATHS[kind](str.__str__(text))
        if name not in self._classes:
            raise DecodeError("no class of that name is carried")
        return _rebuilt(parts, *self._classes[name])


def _rebuilt(parts: Any, cls: Any, kind: str, base: str) -> Any:
    if kind == "enum" and type(parts) is str:
        return cls.__members__[parts]
    if kind == "enum" and type(parts) is int and issubclass(cls, enum.Flag):
        return cls(parts)
    if kind == "tuple" and type(parts) is tuple and len(parts) == len(cls._fields):
        return tuple.__new__(cls, parts)
    if kind == "value" and type(parts) is BASES[base]:
        return BASES[base].__new__(cls, parts)
    raise DecodeError(f"no value of the class {cls.__name__}")


def _pack_numpy(value: Any) -> Any:
    numpy: Any = sys.modules.get("numpy")
    kind = type(value)
    if numpy is None or not issubclass(kind, numpy.generic | numpy.ndarray) or kind.__module__ != "numpy":
        return None
    array = numpy.asarray(value)
    dtype = array.dtype.newbyteorder("<")
    if not _DTYPE.fullmatch(dtype.str):
        return None
    shape = tuple(array.shape) if kind is numpy.ndarray else None
    return Twin("numpy", (dtype.str, shape, array.astype(dtype).tobytes()))


def _unpack_numpy(dtype: Any, shape: Any, data: Any) -> Any:
    import numpy

    if type(dtype) is not str or not _DTYPE.fullmatch(dtype) or type(data) is not bytes:
        raise DecodeError("an array is malformed")
    sides = () if shape is None else shape
    if type(sides) is not tuple or len(sides) > 32 or not all(type(side) is int and side >= 0 for side in sides):
        raise DecodeError("an array is malformed")
    kind: Any = numpy.dtype(dtype)
    if not kind.itemsize or math.prod(sides) * kind.itemsize != len(data):
        raise DecodeError("an array is not of the size that it says")
    array = numpy.frombuffer(data, kind).reshape(sides).copy()
    array.tolist()  # raises ValueError where a text holds no characters
    return array[()] if shape is None else array
