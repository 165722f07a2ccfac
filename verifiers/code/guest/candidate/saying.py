"""What a candidate's exceptions and functions say of themselves, in plain values.

Against what hides in them: their own methods may do anything, and only what decodes again is sent.
"""

from __future__ import annotations

import inspect
from typing import Any

from gristmill.sandbox.wire.values import Bounds, decode, encode

__all__ = ["extras_of", "has_attributes", "plain_args", "text_of", "written"]

_ARGUMENT_BOUNDS = Bounds(nodes=1000, depth=20, size=16_384, digits=2000)
_MOST_CAUSES = 5


def _is_plain(value: Any) -> bool:
    try:
        decode(encode(value, _ARGUMENT_BOUNDS))
    except Exception:  # anything may hide in a candidate's value
        return False
    return True


def extras_of(error: BaseException) -> dict[str, Any]:
    """Its plain attributes and properties, its notes, and the builtin types, arguments and texts of its causes."""
    try:
        attributes = {
            name: value for name, value in vars(error).items() if not name.startswith("_") and _is_plain(value)
        }
        for base in type(error).__mro__:
            for name, value in vars(base).items():
                if isinstance(value, property) and not name.startswith("_"):
                    attributes.setdefault(name, getattr(error, name))
        causes: list[list[Any]] = []
        cause = error.__cause__
        while cause is not None and len(causes) < _MOST_CAUSES:
            kind = next(base.__name__ for base in type(cause).__mro__ if base.__module__ == "builtins")
            causes.append([kind, plain_args(cause), text_of(cause)])
            cause = cause.__cause__
        notes = getattr(error, "__notes__", [])
        extras = {"attributes": {k: v for k, v in attributes.items() if _is_plain(v)}, "causes": causes, "notes": notes}
        return extras if _is_plain(extras) else {}
    except Exception:  # so may its class
        return {}


def written(value: Any) -> dict[str, Any]:
    """The docstring of a function or class; of a function its parameters and annotations too, where they are plain."""
    try:
        description: dict[str, Any] = {"doc": value.__doc__}
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            description["annotations"] = value.__annotations__
            description["parameters"] = [
                [each.name, int(each.kind), [] if each.default is each.empty else [each.default]]
                for each in signature.parameters.values()
            ]
        return {key: each for key, each in description.items() if _is_plain(each)}
    except Exception:  # its class may answer what it likes
        return {}


def has_attributes(value: Any) -> bool:
    """Whether a function is more than one: it has attributes, like a cache of its own."""
    try:
        return not inspect.isfunction(value) or any(not name.startswith("__") for name in vars(value))
    except Exception:  # so may its class
        return True


def plain_args(error: BaseException) -> Any:
    """The exception's arguments if they are plain and short, else None."""
    try:
        args = list(error.args)
        return args if decode(encode(args, _ARGUMENT_BOUNDS)) is not None else None
    except Exception:  # anything may hide in a candidate's exception
        return None


def text_of(error: BaseException) -> str:
    """Its text, cut; empty if it has none."""
    try:
        return str(error)[:1000].encode(errors="replace").decode()
    except Exception:  # its __str__ is the candidate's
        return ""
