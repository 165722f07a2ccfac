"""Room on the stack for a walk over a value that nests deep, or for the frames of a call's own way.

Python's recursion limit is meant for whoever writes the program that runs: what carries its values and calls does not
use it up. Against values without an end to their nesting: the room is bounded too. Imports the standard library only.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Final

__all__ = ["FRAMES_A_LEVEL", "Room"]

FRAMES_A_LEVEL: Final = 6
"""What a walk over a value takes for each level of its nesting, at most."""

# The limit is one for all threads.
_LOCK: Final = threading.Lock()


class Room:
    """While it is entered, so many frames more may be on the stack."""

    __slots__ = ("_frames",)

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def __enter__(self) -> None:
        with _LOCK:
            sys.setrecursionlimit(sys.getrecursionlimit() + self._frames)

    def __exit__(self, *_: object) -> None:
        # Whatever ran meanwhile may have set a limit of its own, which stays; one too low for it stays as it is.
        with _LOCK, suppress(RecursionError, ValueError):
            sys.setrecursionlimit(sys.getrecursionlimit() - self._frames)
