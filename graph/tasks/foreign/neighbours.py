"""Modules of an evaluator's own folder that it imports: they go along with it, to the judge and to nobody else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from gristmill.graph.tasks.foreign.evaluators import imported, refuse
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image.packaged import STANDARD
from gristmill.verifiers.repositories.modules import MOST_FILES, module_problem, tops

__all__ = ["neighbours"]

_MOST_BYTES: Final = 1_000_000


def neighbours(folder: Path, evaluator: str, *without: str, together: bool = False) -> dict[str, str]:
    """Texts by path of what an evaluator imports of its own folder, and of what these import of it.

    Args:
        folder: where the evaluator is.
        evaluator: its text; one that is no Python program imports nothing.
        without: names that are none of its modules: of the program that it judges.
        together: they may need the program in their own process.

    Raises:
        UserError: one of them is a link, cannot be read, has a name that a module here may not have, or cannot judge
            a program that is in another process.
    """
    found: dict[str, str] = {}
    left = [evaluator]
    while left:
        for name in _imports(left.pop()):
            top, *rest = name.split(".")
            if top in without or module_problem(f"{top}.py", STANDARD):
                continue
            for path in _places(folder, [top, *rest]):
                if path not in found:
                    found[path] = _text(folder, path)
                    left.append(found[path])
        if len(found) > MOST_FILES:
            raise UserError(f"{folder}: its evaluator imports more than {MOST_FILES} modules of its folder")
    for path, text in found.items():
        if problem := module_problem(path, STANDARD):
            raise UserError(f"{folder / path} {problem}")
        refuse(list(ast.walk(_parsed(text, folder / path))), str(folder / path), tops(found), together=together)
    return dict(sorted(found.items()))


def _imports(text: str) -> list[str]:
    """Dotted names that a text imports; ``from a import b`` names ``a.b`` as well, which may be a module."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = [name for node in nodes for name in imported(node)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{each.name}" for each in node.names]
    return names


def _places(folder: Path, parts: list[str]) -> list[str]:
    """The files that importing a dotted name runs, of those that there are."""
    found = []
    for length in range(1, len(parts) + 1):
        stem = "/".join(parts[:length])
        found += [path for path in (f"{stem}/__init__.py", f"{stem}.py") if (folder / path).is_file()][:1]
    return found


def _text(folder: Path, path: str) -> str:
    file = folder / path
    if any(each.is_symlink() for each in (file, *list(file.parents)[: path.count("/")])):
        raise UserError(f"{file} is a link, or lies in one: copy it in")
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UserError(f"{file} has more than {_MOST_BYTES:,} bytes")
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def _parsed(text: str, file: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{file} is no Python program: {error}") from error
