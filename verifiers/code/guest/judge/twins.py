"""Classes that the judge makes to stand for the candidate's, from what another process read in the source text.

Enumerations, named tuples and subclasses of texts and numbers become classes of the judge's own, whose objects cross
by value: what they are equal to is the judge's matter. Their methods are asked of the candidate's. Against a reader
that was taken over by what it read: its rows are checked here for their form, and say no more than a source text could
say. Against a class that does other than its text says: each is tried before it is believed.
"""

from __future__ import annotations

import enum
import functools
import operator
from collections import namedtuple
from typing import Any

from gristmill.sandbox.wire.encoding import valid_fields
from gristmill.verifiers.code.guest.judge.fields import Field, Fields
from gristmill.verifiers.code.guest.judge.proxies import PREDICATES, Line
from gristmill.verifiers.code.guest.judge.showing import strings
from gristmill.verifiers.code.guest.wire.carrying import BASES
from gristmill.verifiers.code.guest.wire.objects import OPERATORS

__all__ = ["fields_of", "value_class"]

_ENUMS: dict[str, Any] = {
    each.__name__: each for each in (enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag)
}
_CONSTANTS = (int, float, str, bytes, bool, type(None), tuple)
_SAMPLES: dict[str, Any] = {"int": 7, "str": "seven", "float": 7.5, "bytes": b"seven", "tuple": (7,)}
_MOST = 100


def fields_of(row: dict[str, Any]) -> Fields | None:
    """What a row says of a data class; None if it is malformed."""
    try:
        fields = tuple(
            Field(name, kw, shown, bool(default), tuple(default[1:])) for name, kw, shown, *default in row["fields"]
        )
        usable = valid_fields(row["name"], [field.name for field in fields]) and all(
            type(field.kw_only) is type(field.shown) is bool and len(field.default) <= 1 for field in fields
        )
        frozen, order, shown, post = flags = [row[name] for name in ("frozen", "order", "repr", "post")]
        if not usable or not fields or not all(type(flag) is bool for flag in flags):
            return None
        return Fields(row["name"], fields, frozen, order, shown, post, _own(row))
    except (TypeError, ValueError, LookupError, AttributeError):
        return None


def value_class(line: Line, row: dict[str, Any], declared: bool) -> Any:
    """The class whose objects stand for those of a candidate's that crosses by value; None if there can be none."""
    try:
        if not valid_fields(row["name"], []):
            return None
        makers = {"enum": _enum, "tuple": _tuple, "value": _value}
        twin = makers[row["kind"]](line, row)
        return twin if not declared or _proven(line, row, twin) else None
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        return None


def _own(row: dict[str, Any]) -> frozenset[str]:
    return frozenset(strings(row["own"]))


def _enum(line: Line, row: dict[str, Any]) -> Any:
    name, base = row["name"], _ENUMS[row["base"]]
    bases = (BASES[row["mixin"]], base) if row["mixin"] else (base,)
    body: Any = enum.EnumMeta.__prepare__(name, bases)
    body["__module__"] = "solution"
    for member, manner, *values in row["members"][:_MOST]:
        _check_name(member)
        if manner == "is" and type(values[0]) not in _CONSTANTS:
            return None
        parts = [body[each] for each in values] if manner == "of" else []
        body[member] = enum.auto() if manner == "auto" else values[0] if manner == "is" else _joined(parts)
    for key, value in _methods(line, row).items():
        body[key] = value
    if "__init__" in _own(row):
        body["__getattr__"] = _attribute(line, name)
    return enum.EnumMeta(name, bases, body)


def _joined(parts: list[Any]) -> Any:
    return functools.reduce(operator.or_, parts)


def _attribute(line: Line, owner: str) -> Any:
    def method(self: Any, name: str) -> Any:
        if name.startswith("_") or name in PREDICATES:
            raise AttributeError(name)
        return line.ask("read", owner, (self, name))

    return method


def _tuple(line: Line, row: dict[str, Any]) -> Any:
    name, fields = row["name"], [field[0] for field in row["fields"]]
    if not valid_fields(name, fields):
        return None
    given = [field[1:] for field in row["fields"]]
    if any(each and not each[0] for each in given):
        return None
    defaults = [each[1] for each in given if each]
    twin: Any = namedtuple(name, fields, defaults=defaults or None, module="solution")  # type: ignore[misc]  # valid
    for key, value in _methods(line, row).items():
        setattr(twin, key, value)
    return twin


def _value(line: Line, row: dict[str, Any]) -> Any:
    name, base = row["name"], row["base"]
    body = {"__module__": "solution", **_methods(line, row)}
    if "__new__" in _own(row):
        body["__new__"] = _new(line, name)
    return type(name, (BASES[base],), body)


def _new(line: Line, name: str) -> Any:
    def method(cls: type, *args: Any, **kwargs: Any) -> Any:
        # What the test wants is what the candidate makes of it, which decides the comparison.
        line.decisions += 1
        return line.ask("call", name, args, kwargs)

    return method


def _proven(line: Line, row: dict[str, Any], twin: Any) -> bool:
    """Whether the candidate's class does what its text says. Only a declared one makes objects for a test."""
    name, kind = row["name"], row["kind"]
    try:
        if kind == "enum":
            mine = [[key, member.value] for key, member in twin.__members__.items()]
            return _same(line.ask("members", name), mine)
        if kind == "tuple":
            given = tuple(range(len(twin._fields)))
            instance = line.ask("call", name, given)
            return isinstance(instance, tuple) and tuple(instance) == given
        if "__new__" in _own(row):
            return True
        return _same(line.ask("sample", name, (_SAMPLES[row["base"]], row["base"])), _SAMPLES[row["base"]])
    except Exception:  # whatever its class raised or sent, it has not shown that it does what its text says
        return False


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _check_name(name: Any) -> None:
    if type(name) is not str or not name.isidentifier() or name.startswith("_") or len(name) > 80:
        raise ValueError("no name of a member or method")


def _methods(line: Line, row: dict[str, Any]) -> dict[str, Any]:
    """What the class defines itself, as functions that ask the candidate."""
    owner = row["name"]
    methods: dict[str, Any] = {}
    base: type = BASES[row["base"]] if row["kind"] == "value" else tuple if row["kind"] == "tuple" else object
    base = BASES[row["mixin"]] if row.get("mixin") else base
    for name, manner in row["methods"][:_MOST]:
        _check_name(name)
        # A text's own ``startswith`` would be asked about the wanted value, and answer in the judge's place.
        if name in PREDICATES or hasattr(base, name):
            raise ValueError("a method that plain values have")
        if manner == "class":
            methods[name] = staticmethod(_of_class(line, owner, name))
        else:
            methods[name] = _of_object(line, owner, name) if manner == "call" else property(_read(line, owner, name))
    for name in _own(row) & OPERATORS:
        methods[name] = _operator(line, owner, name)
    return methods


def _of_class(line: Line, owner: str, name: str) -> Any:
    return lambda *args, **kwargs: line.ask("invoke_class", owner, (name, *args), kwargs)


def _of_object(line: Line, owner: str, name: str) -> Any:
    return lambda self, *args, **kwargs: line.ask("invoke", owner, (self, name, *args), kwargs)


def _read(line: Line, owner: str, name: str) -> Any:
    return lambda self: line.ask("read", owner, (self, name))


def _operator(line: Line, owner: str, name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        line.operators += 1
        if args and name != "__format__":
            # An operand may be the wanted value, and then what comes of it decides the comparison.
            line.decisions += 1
        return line.ask("invoke", owner, (self, name, *args))

    method.__name__ = name
    return method
