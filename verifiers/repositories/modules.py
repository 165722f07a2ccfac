"""Which paths may stand for modules that a task or a reply brings along, beside those that Python and an image have.

Against a module that stands in the place of one that a judge, a test or a library imports: such names are refused here,
and whoever loads modules inside asks for those of the image first.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from gristmill.sandbox.image.packaged import Packaged, not_in
from gristmill.verifiers.repositories.paths import path_problem, shadowing

__all__ = ["DATA", "MOST_FILES", "data_problem", "files_problems", "module_problem", "tops"]

MOST_FILES: Final = 50
DATA: Final = (".json", ".txt", ".csv")
"""How the names of files end that are data beside modules."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DEEPEST: Final = 6
# What guests load texts as, by these names.
_OURS: Final = frozenset({"solution", "evaluator", "shared", "tests", "setup", "openevolve"})


def module_problem(path: str, image: Packaged, taken: Collection[str] = ()) -> str:
    """Why a path may not be a module's, as the end of a sentence; empty if it may.

    Args:
        path: relative, with `/`.
        image: where it is imported: its modules, as Python's, keep their names.
        taken: other top names that are used already.
    """
    if problem := path_problem(path):
        return problem
    if not path.endswith(".py"):
        return "is no Python file: a module's path ends with .py"
    parts = path.removesuffix(".py").split("/")
    if len(parts) > _DEEPEST:
        return f"lies deeper than {_DEEPEST} folders"
    for part in parts:
        if not (part.isascii() and part.isidentifier()) or keyword.iskeyword(part):
            return f"cannot be imported: {part!r} is no name of a module"
    top = parts[0]
    if top.startswith("__") or top in _OURS or shadowing(path) or not not_in(image, [top]):
        return (
            f"would stand in the place of another module: {top!r} is a name of Python's, of the image or of the judge"
        )
    if top in taken:
        return f"would stand in the place of another module: the tests have or import {top!r}"
    return ""


def data_problem(path: str, image: Packaged, taken: Collection[str] = ()) -> str:
    """Why a path may not be that of a file of data beside modules, as the end of a sentence; empty if it may.

    Its folder is a package, so that `importlib.resources` finds it there: a name for which `module_problem` holds.
    """
    folder, _, name = path.rpartition("/")
    if problem := path_problem(path):
        return problem
    if not name.endswith(DATA) or not _NAME.fullmatch(name):
        return f"is neither a Python file nor one of data, whose name ends with {', '.join(DATA)}"
    if not folder:
        return "is data and lies in no folder: importlib.resources finds files of folders alone"
    return module_problem(f"{folder}.py", image, taken)


def files_problems(
    files: Mapping[str, str], image: Packaged, taken: Collection[str] = (), *, data: bool = False
) -> Iterator[str]:
    """What is wrong with the paths of several modules together, one sentence each; with `data`, of data too."""
    if len(files) > MOST_FILES:
        yield f"there are {len(files)} files; there may be {MOST_FILES}"
        return
    folded: dict[str, str] = {}
    for path in files:
        judge = data_problem if data and not path.endswith(".py") else module_problem
        if problem := judge(path, image, taken):
            yield f"{path!r} {problem}"
        if (same := folded.setdefault(path.casefold(), path)) != path:
            yield f"{path!r} and {same!r} are one file on some machines"
        if path.endswith(".py") and path.removesuffix(".py") + "/" in {
            f"{'/'.join(each.split('/')[:n])}/" for each in files for n in range(7)
        }:
            yield f"{path!r} is a module, and there is a folder of its name"


def tops(files: Collection[str]) -> frozenset[str]:
    """The names by which modules are imported first: `a` of ``a/b.py`` and of ``a.py``."""
    return frozenset(path.partition("/")[0].removesuffix(".py") for path in files)
