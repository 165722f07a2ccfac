"""Bringing a file of this machine into an image: readable to every user, with its compiled form beside it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["is_program", "put", "put_compiled"]

_LINK_FROM_BYTES = 1 << 20


def put(path: Path, target: Path) -> None:
    """Copy a file, or link it where it is big, on the same file system and readable to every user anyway."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # What stands there may be a link to a file of this machine, which a copy would write into.
    target.unlink(missing_ok=True)
    state = path.stat()
    if state.st_size >= _LINK_FROM_BYTES and state.st_mode & 0o044 == 0o044:
        # Another file system, or links are not allowed there: a copy does.
        with suppress(OSError):
            os.link(path.resolve(), target)
            return
    shutil.copy2(path, target)
    target.chmod(0o755 if state.st_mode & 0o100 else 0o644)


def put_compiled(path: Path, target: Path) -> None:
    """Bring the compiled form along; compile what has none, since nobody can write it later."""
    import importlib.util
    import py_compile

    if path.suffix != ".py":
        return
    compiled = Path(importlib.util.cache_from_source(str(target)))
    existing = Path(importlib.util.cache_from_source(str(path)))
    if existing.is_file() and existing.stat().st_mtime >= path.stat().st_mtime:
        put(existing, compiled)
        return
    inside = "/" + str(target).split(".draft/", 1)[-1]
    # Packages carry templates and files for other versions of Python; importing those fails here as well.
    with suppress(py_compile.PyCompileError):
        py_compile.compile(str(target), cfile=str(compiled), dfile=inside, doraise=True)


def is_program(path: Path) -> bool:
    """Whether it is a binary that is run as it is, and so names libraries of its own."""
    if not os.access(path, os.X_OK):
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
