"""Lets a program open `/dev/stdin`, `/dev/stdout` and `/dev/stderr` by these names, as its own descriptors 0, 1 and 2.

The names lead to pipes that another user made, so a job's own user may not open them. What is handed out is a copy of a
descriptor that the job holds anyway: against a program that takes another name for a way out, no other name is changed.
"""

from __future__ import annotations

import builtins
import io
import os
from typing import Any

__all__ = ["open_standard_names"]

_DESCRIPTORS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def open_standard_names() -> None:
    """From now on `open` knows these names; for the process of a candidate only."""
    plain_open = io.open

    def opened(file: Any, *args: Any, **kwargs: Any) -> Any:
        name = os.fspath(file) if isinstance(file, str | os.PathLike) else file
        descriptor = _DESCRIPTORS.get(name) if isinstance(name, str) else None
        return plain_open(file if descriptor is None else os.dup(descriptor), *args, **kwargs)

    builtins.open = io.open = opened
