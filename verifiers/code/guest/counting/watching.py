"""Has the assertion functions of libraries, and the files that pytest imports, say when an assertion runs.

They are the libraries' own functions, replaced where they stand: an alias of one counts, and a function of the tests
that only bears such a name does not. Against test programs that assert by name alone.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import importlib.machinery
import re
import sys
import unittest
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gristmill.verifiers.code.guest.counting.asserting import COUNTER, Asserting

__all__ = ["watch", "watch_files"]

# Packages that have a module `testing` of functions which assert.
_TESTING = ("numpy", "pandas", "torch", "polars", "xarray")
# What ends a `with pytest.raises(…)`, by its names in the versions of pytest.
_EXPECTING = (
    *(("_pytest.raises", name) for name in ("RaisesExc", "RaisesGroup")),
    *(("_pytest.python_api", name) for name in ("RaisesContext",)),
    ("_pytest.recwarn", "WarningsChecker"),
)


def watch(count: Callable[[], None], programs: Iterable[str]) -> None:
    """Let assertions in this process be counted: those of libraries here, those of counted programs by `COUNTER`.

    Args:
        count: called as often as an assertion is made.
        programs: the tests' sources; what they do not name is not loaded.
    """
    text = "\n".join(programs)
    setattr(builtins, COUNTER, count)
    _watch_class(unittest.TestCase, "assert", count)
    if re.search(r"\bmock\b", text):
        mock = importlib.import_module("unittest.mock")
        for kind in (mock.NonCallableMock, mock.AsyncMockMixin):
            _watch_class(kind, "assert_", count)
    if re.search(r"\bpytest\b", text):
        for module, name in _EXPECTING:
            with suppress(ImportError, AttributeError):
                _watch_class(getattr(importlib.import_module(module), name), "__exit__", count)
    if re.search(r"\btesting\b", text):
        for package in _TESTING:
            if re.search(rf"\b{package}\b", text):
                with suppress(ImportError):
                    _watch_class(importlib.import_module(f"{package}.testing"), "assert", count)


def _watch_class(holder: Any, prefix: str, count: Callable[[], None]) -> None:
    for name, value in list(vars(holder).items()):
        if name.startswith(prefix) and callable(value):
            setattr(holder, name, _saying(value, count))


def _saying(function: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def saying(*args: Any, **kwargs: Any) -> Any:
        count()
        return function(*args, **kwargs)

    return saying


def watch_files(folder: Path, asserting: Asserting, files: Collection[str] | None = None) -> None:
    """Count the assertions in all modules that are imported from a folder of tests, those that pytest rewrites too.

    Where `files` are given, by their full paths, it is those alone, found as Python finds them: the folder holds more.
    """
    rewrite: Any = importlib.import_module("_pytest.assertion.rewrite")
    rewritten = rewrite.rewrite_asserts

    def counting(module: ast.Module, *args: Any, **kwargs: Any) -> None:
        place = str(args[1] if len(args) > 1 else kwargs.get("module_path"))
        counts = files is None or place in files
        rewritten(asserting.counted(module) if counts else module, *args, **kwargs)

    rewrite.rewrite_asserts = counting
    # pytest's own finder goes before it, for the files that it rewrites.
    sys.meta_path.insert(0, _Finder(folder, asserting, files))


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with its assertions counted."""

    asserting: Asserting

    def source_to_code(self, data: Any, path: Any, *, _optimization: int = -1) -> Any:  # type: ignore[override]  # of one argument more in the stub
        return compile(self.asserting.counted(ast.parse(data, path)), path, "exec", dont_inherit=True)


class _Finder:
    """Finds what lies in one folder, or is one of these files.

    Its base would be in `importlib.abc`, which has zip files and compression read, for every fork to copy.
    """

    def __init__(self, folder: Path, asserting: Asserting, files: Collection[str] | None) -> None:
        self._folder = str(folder)
        self._asserting = asserting
        self._files = files

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """As Python asks every finder on `sys.meta_path`."""
        where = [self._folder] if path is None and self._files is None else path
        spec = importlib.machinery.PathFinder.find_spec(name, where, target)
        origin = "" if spec is None or spec.origin is None else spec.origin
        if spec is None or not (origin.startswith(f"{self._folder}/") and origin.endswith(".py")):
            return None
        if self._files is not None and origin not in self._files:
            return None
        loader = _Loader(name, origin)
        loader.asserting = self._asserting
        spec.loader = loader
        return spec
