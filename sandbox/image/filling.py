"""Putting files of this machine into an image: which are wanted, and each with what it needs to be loaded there.

Nothing of a package is run for that: its files are copied, its source is compiled. What Python would run by itself
when it starts (``.pth`` files, ``sitecustomize``) stays outside: it would run in a zygote before that is confined, and
in judges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from gristmill.sandbox.image.libraries import needed
from gristmill.sandbox.image.placing import put

__all__ = ["files_of", "files_wanted", "is_start_up", "put_libraries"]

_LEFT_OUT_FOLDERS = frozenset(
    "__pycache__ test tests include idlelib tkinter turtledemo ensurepip lib2to3 site-packages dist-packages cmake "
    "EGG-INFO".split()
)
_LEFT_OUT_ENDINGS = (".a", ".h", ".hpp", ".cuh", ".pyi", ".pyx", ".pxd", ".exe", ".bat", ".rst", ".o")
_START_UP = frozenset({"sitecustomize", "usercustomize"})


def files_wanted(folder: Path) -> Iterator[Path]:
    """The files below a folder that an image wants, without those that only developers need."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT_FOLDERS and not name.startswith("config-")]
        yield from (Path(parent, name) for name in files if not name.endswith(_LEFT_OUT_ENDINGS))


def files_of(distribution: Distribution) -> Iterator[tuple[PurePosixPath, Path]]:
    """(path below site-packages, path on this machine) of a package's files that an image wants."""
    for name in distribution.files or ():
        parts = set(name.parts)
        # A RECORD also names scripts (../../bin) and caches.
        if ".." in parts or name.is_absolute() or parts & _LEFT_OUT_FOLDERS or is_start_up(name):
            continue
        path = Path(str(distribution.locate_file(name)))
        if not name.name.endswith(_LEFT_OUT_ENDINGS) and path.is_file():
            yield name, path


def is_start_up(name: PurePosixPath) -> bool:
    """Whether Python would run this file by itself: ``x.pth``, ``sitecustomize.py``, ``usercustomize/__init__.py``."""
    top = name.parts[0]
    return (len(name.parts) == 1 and top.endswith(".pth")) or top.partition(".")[0] in _START_UP


def put_libraries(binaries: Iterable[Path], sites: tuple[Path, ...], draft: Path) -> None:
    """Bring what binaries load beside what lies in `sites`, and the loader; what is there already stays."""
    shared = needed([path.resolve() for path in binaries], inside=sites)
    for name, path in (*shared.libraries.items(), (shared.loader.name, shared.loader)):
        target = draft / str(shared.loader if path == shared.loader else shared.folder / name).lstrip("/")
        if not target.exists():
            put(path, target)
