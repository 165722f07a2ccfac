"""What a candidate's exception says, in plain values. Against what hides in one: its own methods may do anything."""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.wire.values import Bounds, decode, encode

__all__ = ["plain_args", "text_of"]

_ARGUMENT_BOUNDS = Bounds(nodes=1000, depth=20, size=16_384, digits=2000)


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
