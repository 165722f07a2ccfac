"""Puts twins in the place of handles, for the classes that another process read in the candidate's source text.

Against a row for a class that is none, or that does other than it says: it stays what it is without a row.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from gristmill.verifiers.code.guest.judge.fields import dress_contents, dress_fields, proven
from gristmill.verifiers.code.guest.judge.proxies import Line, declared_class
from gristmill.verifiers.code.guest.judge.showing import strings
from gristmill.verifiers.code.guest.judge.twins import fields_of, value_class
from gristmill.verifiers.code.guest.wire.carrying import Carrier
from gristmill.verifiers.code.guest.wire.objects import OPERATORS

__all__ = ["carry"]

_MOST_ROWS = 50
_CONTAINERS: dict[str, type] = {"list": list, "dict": dict, "set": set, "Counter": Counter, "OrderedDict": OrderedDict}


def carry(line: Line, rows: Any, declared: dict[str, type], carrier: Carrier) -> dict[str, Any]:
    """Make the twins and tell the candidate which there are.

    Args:
        line: to the candidate.
        rows: what `candidate.outline` has found.
        declared: the handles' classes of declared classes, by name; those of others that are held are added.
        carrier: gets the classes whose objects cross by value.

    Returns:
        The classes that a test gets in the place of handles' classes, by name.
    """
    usable = [row for row in rows if type(row) is dict and type(row.get("name")) is str] if type(rows) is list else []
    by_value: dict[str, Any] = {}
    carried = []
    for row in usable[:_MOST_ROWS]:
        name, kind = row["name"], row.get("kind")
        if kind in ("enum", "tuple", "value"):
            twin = value_class(line, row, name in declared)
            if twin is None:
                continue
            by_value[name] = twin
            carrier.add(name, twin, kind, row["base"] if kind == "value" else "")
        elif not _held(line, row, declared):
            continue
        carried.append([name, kind, row["base"] if kind == "value" else ""])
    if carried:
        line.ask("carry", None, (carried,))
    return {name: twin for name, twin in by_value.items() if name in declared}


def _held(line: Line, row: dict[str, Any], declared: dict[str, type]) -> bool:
    name, kind, own = row["name"], row.get("kind"), set(strings(row.get("own")))
    stand_in: Any = declared.get(name)
    if kind == "dataclass":
        fields = fields_of(row)
        if fields is None or (stand_in is not None and not proven(line, fields)):
            return False
        stand_in = stand_in or declared_class(line, name, [], set(OPERATORS & own), _flags(own))
        dress_fields(line, stand_in, fields)
    elif kind == "contents" and row.get("base") in _CONTAINERS:
        base = row["base"]
        given = own | set(dir(_CONTAINERS[base]))
        stand_in = stand_in or declared_class(line, name, [], set(OPERATORS & given), _flags(given))
        dress_contents(stand_in, base, frozenset(own))
    else:
        return False
    if name not in declared:
        type.__setattr__(stand_in, "_gristmill_asked", False)
    declared[name] = stand_in
    return True


def _flags(own: set[str]) -> str:
    """What objects of an undeclared class can do, by its special methods."""
    flags = "c" if "__call__" in own else ""
    flags += "i" if "__next__" in own else "b" if "__iter__" in own else ""
    return flags + ("x" if {"__enter__", "__exit__"} <= own else "")
