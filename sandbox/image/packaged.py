"""The images of this machine that hold packages beside the standard libraries, and which of them a task runs in.

Each has a file beside its root that says what is in it. A task never has one built: what stands beside a solution in
its sandbox is chosen by whoever owns the machine, in advance, by `gristmill sandbox build --with`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.distributions import modules_of, name_of
from gristmill.sandbox.image.requirements import command, met, one
from gristmill.sandbox.image.root import ADDED, LAYOUT, cache_folder, sources_and_digest
from gristmill.sandbox.records import Record

__all__ = [
    "STANDARD",
    "LacksPackagesError",
    "Packaged",
    "image_for",
    "lacking",
    "not_in",
    "packaged",
    "record",
    "standard",
]

_SHOWN = ("numpy", "scipy", "sympy")


class LacksPackagesError(SandboxError):
    """No image here holds what a task asks for. The message has the command that builds one."""


class Packaged(Record):
    """One image: the packages that were asked for, and all others that came with them, by canonical name."""

    digest: str = ""
    layout: str = LAYOUT
    python: str = sys.version
    packages: dict[str, str] = {}
    others: dict[str, str] = {}
    modules: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    megabytes: float = 0.0

    @property
    def image(self) -> str:
        """What `Profile.image` calls it."""
        return f"{ADDED}{self.digest}" if self.digest else "base"

    @property
    def versions(self) -> dict[str, str]:
        """All that was added, by canonical name."""
        return self.others | self.packages

    def words(self) -> str:
        """``Python's standard library, numpy, scipy, sympy and pandas 3.1.1``: what may be imported."""
        *most, last = (*_SHOWN, *(f"{name} {version}" for name, version in sorted(self.packages.items())))
        return f"Python's standard library, {', '.join(most)} and {last}"


STANDARD = Packaged()
"""The standard image, with nothing added."""


def standard() -> Mapping[str, str]:
    """What the standard image holds beside Python: versions by canonical name."""
    return _standard(sources_and_digest("base")[1])[0]


def standard_modules() -> Mapping[str, str]:
    """The names under which that is imported, each with its package."""
    return _standard(sources_and_digest("base")[1])[1]


@functools.lru_cache(4)
def _standard(_digest: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    held = {name_of(package): package for package in sources_and_digest("base")[0].distributions}
    versions = {name: package.version for name, package in held.items()}
    return versions, {module: name for name, package in held.items() for module in modules_of(package)}


def packaged() -> tuple[Packaged, ...]:
    """The images with packages that were built for this Python, those that hold least first."""
    folder = cache_folder()
    try:
        return _packaged(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@functools.lru_cache(8)
def _packaged(folder: Path, _changed: int) -> tuple[Packaged, ...]:
    rows = []
    for path in folder.glob("*.json"):
        try:
            each = Packaged.model_validate_json(path.read_bytes())
            built = path.stat().st_mtime
        except (ValidationError, OSError):
            continue  # another version's, or somebody has just removed it
        here = each.layout == LAYOUT and each.python == sys.version and path.stem == each.digest
        if here and (folder / each.digest).is_dir():
            rows.append((len(each.versions), -built, each.digest, each))
    return tuple(each for *_, each in sorted(rows, key=lambda row: row[:3]))


def record(image: Packaged) -> None:
    """Let tasks find an image from now on. Raises OSError."""
    place = cache_folder() / f"{image.digest}.json"
    draft = place.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(image.model_dump_json(indent=1))
    draft.replace(place)


def image_for(packages: Sequence[str]) -> Packaged:
    """The image that a task with these ``settings.packages`` runs in: the one that holds them and least else.

    Raises:
        LacksPackagesError: none does.
    """
    asked = [one(text) for text in packages]
    if not asked or met(asked, standard()):
        return STANDARD
    for each in packaged():
        if met(asked, {**standard(), **each.versions}):
            return each
    raise LacksPackagesError(f"no sandbox image here holds {', '.join(packages)}; build one: {command(packages)}")


def lacking(needs: Mapping[str, Sequence[str]]) -> str:
    """Empty if every task's packages are in some image here; else a sentence with the command that builds one.

    Args:
        needs: the packages of each task, by its id.
    """
    short: dict[str, Sequence[str]] = {}
    for name, packages in needs.items():
        try:
            image_for(packages)
        except LacksPackagesError:
            short[name] = packages
    if not short:
        return ""
    first, *rest = short
    tasks = f"task {first!r}" + (f" and {len(rest)} more" if rest else "")
    wanted = {text for packages in short.values() for text in packages}
    return f"no sandbox image here holds the packages of {tasks}; build one: {command(wanted)}"


def not_in(image: Packaged, names: Iterable[str]) -> list[str]:
    """Those of some modules' top names that nothing in an image can import."""
    held = {*sys.stdlib_module_names, *standard_modules(), *image.modules}
    return [name for name in names if name not in held]
