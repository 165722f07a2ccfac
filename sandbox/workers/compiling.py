"""Guest modules, compiled beforehand: a worker that starts need not compile what every other one has compiled.

Bytecode is kept beside the image roots, for this version of Python, and counts only for the very source of which it was
made. It names files by their places inside the sandbox, so nothing in it tells where they lie here. An interpreter of
another version passes it over and compiles the source, which is staged as well.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from gristmill.sandbox.image.root import cache_folder

__all__ = ["compiled", "compiled_name"]

_UNCHECKED: Final = (1).to_bytes(4, "little")  # by the hash of its source, which nobody compares inside: PEP 552


def compiled_name(stem: str) -> str:
    """The name, in ``__pycache__``, of the bytecode of the module ``stem.py``."""
    return f"{stem}.{sys.implementation.cache_tag}.pyc"


def compiled(module: str, source: bytes, inside: str) -> bytes:
    """The bytecode file of a module, as Python reads it.

    Args:
        module: its dotted name, under which the bytecode is kept.
        source: its text.
        inside: the file's name inside the sandbox.
    """
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(inside.encode() + b"\0" + source)
    kept = cache_folder().parent / "guests" / compiled_name(module)
    with contextlib.suppress(OSError):
        made = kept.read_bytes()
        if made.startswith(head):
            return made
    made = head + marshal.dumps(compile(source, inside, "exec", dont_inherit=True, optimize=0))
    _keep(kept, made)
    return made


def _keep(path: Path, made: bytes) -> None:
    """Put it there whole, or not at all: what cannot be kept is compiled again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(made)
            Path(draft).replace(path)
        except OSError:
            Path(draft).unlink()
