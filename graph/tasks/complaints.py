"""What pydantic found wrong with a row, in plain sentences that name the field and say what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gristmill.graph.tasks.problems import FileRow, Mistake, kind_of
from gristmill.sandbox.records import Limits, Record

__all__ = ["complaints"]

_WANTED = {
    "string_type": "text (in quotes)",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
# What other tools call our fields.
_MEANT = {
    "Task": {
        "task_id": "id",
        "question": "prompt",
        "problem_statement": "prompt",
        "text": "prompt",
        "instruction": "prompt",
        "type": "kind",
        "test": "tests",
        "canonical_solution": "reference",
        "solution": "reference",
    },
    "Candidate": {
        "completion": "text",
        "solution": "text",
        "code": "text",
        "response": "text",
        "reply": "text",
        "output": "text",
        "task": "task_id",
    },
}
# What they call what lies deeper, by the field that it lies in; a name that is no field there means another one.
_MEANT_BELOW = {
    "output": ("expected", "stdout"),
    "outputs": ("expected", "stdout"),
    "expected_output": ("expected", "stdout"),
    "result": ("expected", "stdout"),
    "input": ("args", "stdin"),
    "inputs": ("args", "stdin"),
    "arguments": ("args",),
    "error": ("raises",),
    "exception": ("raises",),
    "function": ("entry_point",),
    "test": ("code",),
    "source": ("code",),
    "timeout": ("wall_seconds",),
    "time_limit": ("wall_seconds",),
    "seconds": ("wall_seconds",),
    "timeout_seconds": ("wall_seconds",),
    "memory": ("memory_mb",),
    "memory_limit": ("memory_mb",),
}
# How they say of a test, or of a case, whether a model may see it.
_WHO_SEES = {"public", "visible", "visibility", "hidden", "is_public", "is_hidden", "private", "sample", "example"}
_GIVEN = ("input", "inputs", "arguments", "args", "kwargs", "case")
_LIMITS = {name for name, meant in _MEANT_BELOW.items() if meant[0] in Limits.model_fields}


def complaints(error: ValidationError, row: FileRow, record: type[Record]) -> Iterator[Mistake]:
    """One problem for each field of `row` that is not what `record` wants."""
    merged: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and detail["input"]:
            continue  # what it holds is wrong, which is told by itself
        merged.setdefault(_clean(detail["loc"], row.value, missing=detail["type"] == "missing"), []).append(detail)
    for path, details in merged.items():
        field = dotted(path)
        yield Mistake(_sentence(field, path, details, row, record), row.line_of(path), field)


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as it is written for people: ``tests[0].cases[2].args``."""
    written = ""
    for step in path:
        written += f"[{step}]" if isinstance(step, int) else f".{step}" if written else step
    return written


def _clean(loc: tuple[str | int, ...], value: Any, *, missing: bool) -> tuple[str | int, ...]:
    """The steps of `loc` that exist in the row: pydantic adds the names of union members."""
    kept: list[str | int] = []
    member = None
    for index, step in enumerate(loc):
        if step == member:  # a test of type `cases` has a field of that name as well
            member = None
            continue
        if _holds(value, step):
            value = value[step]
            member = value.get("type") if isinstance(value, Mapping) else None
        elif not (missing and index == len(loc) - 1):
            continue
        kept.append(step)
    return tuple(kept)


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, (list, tuple)) and isinstance(step, int) and step < len(value)


def _sentence(
    field: str, path: tuple[str | int, ...], details: list[ErrorDetails], row: FileRow, record: type[Record]
) -> str:
    kinds = [detail["type"] for detail in details]
    first = details[0]
    given = first["input"]
    context = first.get("ctx", {})
    if kinds[0] == "missing":
        return f"the field `{field}` is missing{_instead(path, row.value, record)}"
    if kinds[0] == "extra_forbidden":
        return f"`{field}` is not a field of a {record.__name__.lower()}{_suggested(path, row, record)}"
    if kinds[0] in ("union_tag_invalid", "union_tag_not_found"):
        inner = f"{field}.type"
        types = str(context.get("expected_tags", "'cases', 'stdio', 'python', 'pytest', 'driven'"))
        if kinds[0] == "union_tag_not_found" and not isinstance(given, Mapping):
            return f"`{field}` must be an object with a `type`, not {kind_of(given)}"
        was = f", not {context['tag']!r}" if "tag" in context else "; it is missing"
        return f"`{inner}` must be one of {types}{was}"
    if kinds[0] in ("string_too_short", "too_short"):
        return f"`{field}` is empty"
    if kinds[0] in _BOUNDS:
        words, key = _BOUNDS[kinds[0]]
        return f"`{field}` must be {words} {context[key]}, not {given}"
    if kinds[0] in ("literal_error", "enum"):
        return f"`{field}` must be {context['expected']}, not {kind_of(given)}"
    wanted = dict.fromkeys(_WANTED[kind] for kind in kinds if kind in _WANTED)
    if wanted:
        return f"`{field}` must be {' or '.join(wanted)}, not {kind_of(given)}"
    return f"`{field}`: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _instead(path: tuple[str | int, ...], row: Mapping[str, Any], record: type[Record]) -> str:
    if len(path) != 1:
        held = _at(row, path[:-1])
        named = [name for name, ours in _MEANT_BELOW.items() if path[-1] in ours and name in held]
        return f"; rename `{named[0]}` to `{path[-1]}`" if named else ""
    for theirs, ours in _MEANT.get(record.__name__, {}).items():
        if ours == path[0] and theirs in row:
            return f"; rename `{theirs}` to `{ours}`"
    return ""


def _suggested(path: tuple[str | int, ...], row: FileRow, record: type[Record]) -> str:
    name, nested = str(path[-1]), len(path) != 1
    if name in _WHO_SEES and "public_tests" in record.model_fields and (not nested or "tests" in str(path[0])):
        return "; tests that a model may see stand in `public_tests`, hidden ones in `tests`"
    meant = _meant_below(name, path, row.value) if nested else _MEANT.get(record.__name__, {}).get(name)
    if not nested and not meant and name in _LIMITS and "limits" in record.model_fields:
        meant = f"limits.{_MEANT_BELOW[name][0]}"
    near = [meant] if meant else get_close_matches(name, _below(record) if nested else record.model_fields, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return "; leave it out" if nested else f"; its fields are {', '.join(record.model_fields)}"


def _meant_below(name: str, path: tuple[str | int, ...], row: Mapping[str, Any]) -> str | None:
    """What somebody calls our field; of a whole program's case it is what is read and printed."""
    if name in _GIVEN and _at(row, path[:2]).get("type") == "driven":
        return "given"
    meant = _MEANT_BELOW.get(name)
    if meant is None:
        return None
    tests = _at(row, path[:2])
    return meant[-1] if tests.get("type") == "stdio" else meant[0]


def _at(row: Mapping[str, Any], path: tuple[str | int, ...]) -> Mapping[str, Any]:
    """The object at a path of a row; empty if there is none."""
    value: Any = row
    for step in path:
        if not _holds(value, step):
            return {}
        value = value[step]
    return value if isinstance(value, Mapping) else {}


def _below(kind: Any) -> set[str]:
    """The fields of all records that a type holds, its own left out."""
    if isinstance(kind, type) and issubclass(kind, Record):
        parts = [field.annotation for field in kind.model_fields.values()]
    else:
        parts = list(get_args(kind))
    held = {name for part in parts if isinstance(part, type) and issubclass(part, Record) for name in part.model_fields}
    return held.union(*map(_below, parts))
