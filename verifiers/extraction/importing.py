"""What a task's solutions may import: the packages that it names, the image that holds them, and what an image lacks.

Against a verdict on a candidate that is really one on the machine: where no image holds what a task names, nothing is
run. What a model is told is read in its own source and in the list of the image's packages, and not in what a process
says.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from gristmill.sandbox.image.packaged import STANDARD, LacksPackagesError, Packaged, image_for, lacking, not_in
from gristmill.sandbox.wire.files import parted
from gristmill.verifiers.extraction.source import tree
from gristmill.verifiers.records import Task

__all__ = ["PACKAGES", "image_of", "lacks_text", "need_packages", "short_of_packages"]

PACKAGES = "packages"
"""The setting by which a task names what its image must hold beside the standard libraries."""
_KINDS = frozenset({"code", "program"})
_MOST_NAMES, _NAME_CHARACTERS = 5, 60


def image_of(task: Task) -> Packaged:
    """The image that solutions and tests of a task run in.

    Raises:
        SandboxError: none here holds the packages that it names; the message has the command that builds one.
    """
    asked = _asked(task)
    return image_for(asked) if asked else STANDARD


def short_of_packages(tasks: Iterable[Task]) -> str:
    """Empty if an image here holds what each task names; else a sentence with the command that builds one."""
    return lacking({task.id: asked for task in tasks if (asked := _asked(task))})


def need_packages(tasks: Iterable[Task]) -> None:
    """Before anything is spent on tasks: see whether they can be judged here.

    Raises:
        SandboxError: see `short_of_packages`.
    """
    if short := short_of_packages(tasks):
        raise LacksPackagesError(short)


def _asked(task: Task) -> list[str]:
    asked: Any = task.settings.get(PACKAGES) if task.kind in _KINDS else None
    return list(asked) if asked else []


def _files(source: str) -> Iterable[str]:
    """The files that a solution has itself, where it has several."""
    try:
        return parted(source)
    except ValueError:
        return ()


def lacks_text(source: str, image: Packaged) -> str:
    """A sentence where a source imports what the image does not hold, with what it does hold; else empty."""
    # Most import nothing, and are not walked for it.
    if "import" not in source or (parsed := tree(source)) is None:
        return ""
    names: dict[str, None] = {}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            names.update((alias.name.partition(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module.partition(".")[0]] = None
    own = {path.partition("/")[0].removesuffix(".py") for path in _files(source)}
    if not names or not (missing := not_in(image, names.keys() - own)):
        return ""
    told = ", ".join(name[:_NAME_CHARACTERS] for name in missing[:_MOST_NAMES])
    return f"There is no {told} here: what can be imported is {image.words()}."
