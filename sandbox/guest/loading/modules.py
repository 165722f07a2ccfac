"""Modules whose texts a job was sent, by their paths: they are importable in its process, and on no disk.

Files of data beside them are the resources of the folder that they lie in, for `importlib.resources`.

Against a module that stands in the place of one that others import: whoever else finds modules is asked first, so a
name that Python or the image has stays theirs. Against one that writes to its neighbour: there is no file to write to,
and every job has the texts that it was sent.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from io import BytesIO, TextIOWrapper
from types import ModuleType
from typing import Any, NoReturn, cast

__all__ = ["make_importable"]


def make_importable(files: Mapping[str, str], folder: str, file: str = "") -> None:
    """Let this process import modules by their paths: ``a/b.py`` as ``a.b``, with or without an ``a/__init__.py``.

    Args:
        files: texts by relative path.
        folder: stands before the path in tracebacks, as ``<evaluator>`` in ``<evaluator>/a/b.py``.
        file: what all of them are called there instead; lines are shown by whoever has put them into `linecache`.
    """
    sys.meta_path.append(_Texts(dict(files), folder, file))


class _Texts:
    """Finds and loads. Its bases would be in `importlib.abc`, which has zip files and compression read as well."""

    def __init__(self, files: dict[str, str], folder: str, file: str) -> None:
        self._files, self._folder, self._file = files, folder, file

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        place, loader = fullname.replace(".", "/"), cast(Any, self)
        whole = f"{place}/__init__.py"
        if whole in self._files or any(each.startswith(f"{place}/") for each in self._files):
            return ModuleSpec(fullname, loader, origin=whole, is_package=True)
        module = f"{place}.py"
        return ModuleSpec(fullname, loader, origin=module) if module in self._files else None

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python makes modules."""

    def exec_module(self, module: ModuleType) -> None:
        path = (module.__spec__ and module.__spec__.origin) or ""
        text = self._files.get(path, "")
        file = self._file or f"{self._folder}/{path}"
        module.__file__ = file
        if not self._file:
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)

    def get_resource_reader(self, fullname: str) -> _Reader:
        """What `importlib.resources.files` asks the loader of a package for."""
        return _Reader(self._files, fullname.replace(".", "/"))


class _Reader:
    """The least that `importlib.resources` needs of a reader: where its files begin."""

    def __init__(self, files: dict[str, str], folder: str) -> None:
        self._root = _Resource(files, folder)

    def files(self) -> _Resource:
        return self._root

    def open_resource(self, resource: str) -> BytesIO:
        """Part of the older interface, as is what follows."""
        return BytesIO((self._root / resource).read_bytes())

    def resource_path(self, resource: str) -> NoReturn:
        raise FileNotFoundError(resource)  # on no disk

    def is_resource(self, path: str) -> bool:
        return (self._root / path).is_file()

    def contents(self) -> Iterator[str]:
        return (each.name for each in self._root.iterdir())


class _Resource:
    """A file or folder of texts: `importlib.resources.abc.Traversable`, whose module takes long to import."""

    def __init__(self, files: dict[str, str], path: str) -> None:
        self._files, self._path = files, path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        return self._path in self._files

    def is_dir(self) -> bool:
        return any(each.startswith(f"{self._path}/") for each in self._files)

    def iterdir(self) -> Iterator[_Resource]:
        below = f"{self._path}/"
        names = {each[len(below) :].partition("/")[0] for each in self._files if each.startswith(below)}
        return (_Resource(self._files, below + each) for each in sorted(names))

    def joinpath(self, *descendants: str) -> _Resource:
        return _Resource(self._files, "/".join((self._path, *descendants)))

    __truediv__ = joinpath

    def read_bytes(self) -> bytes:
        return self.read_text().encode()

    def read_text(self, encoding: str | None = None) -> str:
        if self._path not in self._files:
            raise FileNotFoundError(self._path)
        return self._files[self._path]

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode not in ("r", "rb"):
            raise ValueError(f"{self._path} can only be read")
        data = BytesIO(self.read_bytes())
        return data if mode == "rb" else TextIOWrapper(data, *args, **{"encoding": "utf-8", **kwargs})
