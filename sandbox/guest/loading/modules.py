"""Modules whose texts a job was sent, by their paths: they are importable in its process, and on no disk.

Against a module that stands in the place of one that others import: whoever else finds modules is asked first, so a
name that Python or the image has stays theirs. Against one that writes to its neighbour: there is no file to write to,
and every job has the texts that it was sent.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["make_importable"]


def make_importable(files: Mapping[str, str], folder: str, file: str = "") -> None:
    """Let this process import modules by their paths: ``a/b.py`` as ``a.b``, with or without an ``a/__init__.py``.

    Args:
        files: texts by relative path.
        folder: stands before the path in tracebacks, as ``<evaluator>`` in ``<evaluator>/a/b.py``.
        file: what all of them are called there instead; lines are shown by whoever has put them into `linecache`.
    """
    sys.meta_path.append(_Texts(dict(files), folder, file))


class _Texts(MetaPathFinder, Loader):
    def __init__(self, files: dict[str, str], folder: str, file: str) -> None:
        self._files, self._folder, self._file = files, folder, file

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        place = fullname.replace(".", "/")
        whole = f"{place}/__init__.py"
        if whole in self._files or any(each.startswith(f"{place}/") for each in self._files):
            return ModuleSpec(fullname, self, origin=whole, is_package=True)
        module = f"{place}.py"
        return ModuleSpec(fullname, self, origin=module) if module in self._files else None

    def exec_module(self, module: ModuleType) -> None:
        path = (module.__spec__ and module.__spec__.origin) or ""
        text = self._files.get(path, "")
        file = self._file or f"{self._folder}/{path}"
        module.__file__ = file
        if not self._file:
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
