"""How big values are once what they share is counted each time.

Against small messages that unfold into huge values, and against values that contain themselves.
"""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.wire.values import DecodeError
from gristmill.verifiers.code.guest.wire.objects import DICTS, SEQUENCES

__all__ = ["check_bounds"]

_MAX_EXPANDED = 2_000_000


def check_bounds(values: list[Any]) -> None:
    """Refuse values that contain themselves, or grow beyond all bounds once shared parts are counted each time.

    Raises:
        DecodeError: they do.
    """
    sizes: dict[int, int] = {}

    def size(value: Any) -> int:
        kind = type(value)
        inner: Any = kind.values(value) if kind in DICTS else value
        if kind not in DICTS and kind not in SEQUENCES and not isinstance(value, tuple):
            return 1
        place = id(value)
        if place not in sizes:
            sizes[place] = 0  # being measured
            sizes[place] = 1 + sum(map(size, inner))
        elif not sizes[place]:
            raise DecodeError("a value contains itself")
        if sizes[place] > _MAX_EXPANDED:
            raise DecodeError("a value is too big once its shared parts are counted")
        return sizes[place]

    size(values)
