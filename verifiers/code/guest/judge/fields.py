"""What stands for objects of the candidate's data classes, and of its subclasses of containers, in a test program.

Such an object stays with the candidate, behind a handle. What it is equal to, its order, hash and text are found here,
from its fields or contents as they are at that moment; each is asked for by name, and the answer is a value like any
other. An object that a test makes of constants is made here, and the candidate does not learn of it before the test
hands it over: so a test's wanted value stays hidden from what is compared with it. Against objects that answer as
their counterpart does: where the candidate holds both sides of a comparison, it decides it, which is counted.
"""

from __future__ import annotations

import dataclasses
import operator
import reprlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from gristmill.verifiers.code.guest.judge.proxies import CandidateError, Handle, Line, handle, told_by

__all__ = ["Field", "Fields", "dress_contents", "dress_fields", "hold", "proven"]

_SCALARS = (int, float, str, bytes, bool, complex, type(None))
_CONTAINERS: dict[str, Any] = {"list": list, "dict": dict, "set": set, "Counter": Counter, "OrderedDict": OrderedDict}


class Field(NamedTuple):
    """A field of a data class. `default` holds its constant, if it has one that the source tells."""

    name: str
    kw_only: bool
    shown: bool
    optional: bool
    default: tuple[Any, ...]


class Fields(NamedTuple):
    """What the source says of a data class. `post`: it has a ``__post_init__``."""

    name: str
    fields: tuple[Field, ...]
    frozen: bool
    order: bool
    repr: bool
    post: bool
    own: frozenset[str]


def proven(line: Line, data_class: Fields) -> bool:
    """Whether the candidate's class does what its text says: it takes its fields and gives them back."""
    if data_class.post:
        return True
    given = {field.name: place for place, field in enumerate(data_class.fields, 1)}
    try:
        instance = line.ask("call", data_class.name, (), given)
        return isinstance(instance, Handle) and _asked(instance, data_class) == tuple(given.values())
    except Exception:  # whatever its class raised or sent, it has not shown that it does what its text says
        return False


def dress_fields(line: Line, kind: Any, data_class: Fields) -> None:
    """Give the handles' class of a declared data class what a data class has."""
    body: dict[str, Any] = {"__eq__": _comparison(data_class, operator.eq), "__hash__": None}
    if data_class.frozen:
        body["__hash__"] = lambda self: hash(_values(self, data_class))
    if data_class.order:
        for each in (operator.lt, operator.le, operator.gt, operator.ge):
            body[f"__{each.__name__}__"] = _comparison(data_class, each)
    if data_class.repr and "__repr__" not in data_class.own:
        body["__repr__"] = _text(data_class)
        if "__str__" not in data_class.own:
            body["__str__"] = body["__repr__"]
    twin = dataclasses.make_dataclass(
        data_class.name, [field.name for field in data_class.fields], frozen=data_class.frozen
    )
    for name in ("__dataclass_fields__", "__dataclass_params__"):
        body[name] = vars(twin)[name]
    body["__match_args__"] = tuple(field.name for field in data_class.fields if not field.kw_only)
    body["__getattr__"], body["__setattr__"] = _getter(data_class), _setter(data_class)
    body["_gristmill_place"] = _place
    body["_gristmill_make"] = _maker(line, kind, data_class)
    for name, value in body.items():
        type.__setattr__(kind, name, value)


def _maker(line: Line, kind: Any, data_class: Fields) -> Callable[[Any, Any], Any]:
    def make(args: Any, kwargs: Any) -> Any:
        values = None if data_class.post else _bound(data_class, args, kwargs)
        if values is None:
            return line.ask("call", data_class.name, args, kwargs)
        instance = handle(line, -1, "", kind)
        object.__setattr__(instance, "_gristmill_values", values)
        return instance

    return make


def _bound(data_class: Fields, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The fields' values, where the arguments and the source tell them all."""
    places = [field.name for field in data_class.fields if not field.kw_only]
    if len(args) > len(places) or set(places[: len(args)]) & set(kwargs):
        return None
    given = dict(zip(places, args, strict=False)) | kwargs
    values = {}
    for field in data_class.fields:
        if field.name in given:
            values[field.name] = given.pop(field.name)
        elif field.default:
            values[field.name] = field.default[0]
        else:
            return None
    return None if given else values


def _place(self: Handle) -> int:
    hold(self)
    return self._gristmill_number


def hold(self: Handle) -> None:
    """Have the candidate make an object that was made here, from now on it is there.

    Raises:
        CandidateError: what it made is none.
    """
    values = self._gristmill_values
    if values is None or self._gristmill_number >= 0:
        return
    line = self._gristmill_line
    instance = line.ask("call", type(self).__name__, (), values)
    if type(instance) is not type(self) or instance._gristmill_number < 0:
        raise CandidateError("its class did not make an object of itself")
    object.__setattr__(self, "_gristmill_number", instance._gristmill_number)
    line.adopt(self)
    params: Any = type(self).__dict__.get("__dataclass_params__")
    if not (params is not None and params.frozen and all(type(value) in _SCALARS for value in values.values())):
        object.__setattr__(self, "_gristmill_values", None)


def _values(self: Handle, data_class: Fields) -> tuple[Any, ...]:
    values = self._gristmill_values
    return _asked(self, data_class) if values is None else tuple(values.values())


def _asked(self: Handle, data_class: Fields) -> tuple[Any, ...]:
    asked = [field.name for field in data_class.fields]
    values = told_by(self, self._gristmill_line.ask("fields", self._gristmill_number, asked))
    if type(values) is not list or len(values) != len(data_class.fields):
        raise CandidateError("it did not tell an object's fields")
    return tuple(values)


def _comparison(data_class: Fields, compare: Callable[[Any, Any], bool]) -> Any:
    def method(self: Handle, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        if self._gristmill_values is None and other._gristmill_values is None and self is not other:
            self._gristmill_line.decisions += 1
        return compare(_values(self, data_class), _values(other, data_class))

    return method


def _text(data_class: Fields) -> Any:
    @reprlib.recursive_repr()
    def method(self: Handle) -> str:
        pairs = zip(data_class.fields, _values(self, data_class), strict=True)
        return f"{data_class.name}({', '.join(f'{field.name}={value!r}' for field, value in pairs if field.shown)})"

    return method


def _getter(data_class: Fields) -> Any:
    def method(self: Handle, name: str) -> Any:
        values = self._gristmill_values
        if values is not None and name in values:
            return values[name]
        if not name.startswith("_"):
            hold(self)
        return Handle.__getattr__(self, name)

    return method


def _setter(data_class: Fields) -> Any:
    def method(self: Handle, name: str, value: Any) -> None:
        values = self._gristmill_values
        if data_class.frozen:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        if values is not None and name in values:
            values[name] = value
            return
        hold(self)
        Handle.__setattr__(self, name, value)

    return method


def dress_contents(kind: Any, base: str, own: frozenset[str]) -> None:
    """Give the handles' class of a subclass of a container the comparisons and the text of that container."""
    plain = _CONTAINERS[base]
    accepted = dict if issubclass(plain, dict) else plain

    def contents(self: Handle) -> Any:
        content = told_by(self, self._gristmill_line.ask("contents", self._gristmill_number, (base,)))
        if type(content) is not plain:
            raise CandidateError("it did not tell what a container holds")
        return content

    def comparison(compare: Callable[[Any, Any], Any]) -> Any:
        def method(self: Handle, other: Any) -> Any:
            held = isinstance(other, Handle)
            if held and vars(type(other)).get("_gristmill_base") != base:
                return NotImplemented
            if held and other is not self:
                self._gristmill_line.decisions += 1
            if not held and not isinstance(other, accepted):
                return NotImplemented
            return compare(contents(self), contents(other) if held else other)

        return method

    body: dict[str, Any] = {
        "_gristmill_poses": plain,
        "_gristmill_base": base,
        "__eq__": comparison(operator.eq),
        "__hash__": None,
    }
    if accepted is not dict:
        body |= {f"__{each.__name__}__": comparison(each) for each in (operator.lt, operator.le, operator.gt)}
        body["__ge__"] = comparison(operator.ge)
    if "__repr__" not in own:
        body["__repr__"] = lambda self: repr(contents(self))
        if "__str__" not in own:
            body["__str__"] = body["__repr__"]
    if "__len__" not in own:
        body["__bool__"] = lambda self: bool(contents(self))
    for name, value in body.items():
        type.__setattr__(kind, name, value)
