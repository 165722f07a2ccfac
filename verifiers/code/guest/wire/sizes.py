"""How big values are once what they share is counted each time.

Against small messages that unfold into huge values, and against values that contain themselves, or nest so deep that
whatever walks over them ends there.
"""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.wire.values import Bounds, DecodeError
from gristmill.verifiers.code.guest.wire.objects import DICTS, SEQUENCES

__all__ = ["check_bounds"]


def check_bounds(values: list[Any], bounds: Bounds) -> None:
    """Refuse values that contain themselves, or pass the bounds once shared parts are counted each time.

    Raises:
        DecodeError: they do.
    """
    # Of each container: how much it holds and how deep it nests; None while that is being measured.
    sizes: dict[int, tuple[int, int] | None] = {}
    open_: list[tuple[Any, Any]] = [(values, iter(values))]
    while open_:
        value, rest = open_[-1]
        for inner in rest:
            if (parts := _parts(inner)) is None:
                continue
            if id(inner) not in sizes:
                sizes[id(inner)] = None
                open_.append((inner, iter(parts)))
                break
            if sizes[id(inner)] is None:
                raise DecodeError("a value contains itself")
        else:
            open_.pop()
            size, depth = sizes[id(value)] = _measured(value, sizes)
            if size > bounds.nodes:
                raise DecodeError(f"a value {bounds.too_many()}, once its shared parts are counted")
            if depth > bounds.depth + 1:
                raise DecodeError(f"nested deeper than {bounds.depth} levels")


def _parts(value: Any) -> Any:
    kind = type(value)
    if kind in DICTS:
        return kind.values(value)
    return value if kind in SEQUENCES or isinstance(value, tuple) else None


def _measured(value: Any, sizes: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    size = depth = 1
    for inner in _parts(value):
        more, deep = sizes.get(id(inner)) or (1, 0)
        size, depth = size + more, max(depth, deep + 1)
    return size, depth
