"""Making the root of an image with packages: the standard one, and beside it what is installed here and asked for.

What goes in comes from this Python's own packages, as everything in every image does: versions are those that are
installed, nothing is fetched, and no line of a package is run on this machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.image.distributions import gathered, intact, modules_of, name_of, start_up_files
from gristmill.sandbox.image.filling import files_of, put_libraries
from gristmill.sandbox.image.packaged import Packaged, standard, standard_modules
from gristmill.sandbox.image.placing import put, put_compiled
from gristmill.sandbox.image.requirements import one
from gristmill.sandbox.image.root import LAYOUT, cache_folder, locked, root, sources_and_digest

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["Joined", "join"]


@dataclass(frozen=True)
class Joined:
    """An image root that is there, and the modules of what was asked for; `new` if it was made just now."""

    image: Packaged
    public: tuple[str, ...]
    left_out: tuple[str, ...]
    new: bool


def join(texts: Sequence[str]) -> Joined:
    """Make the root of an image with these packages; no task finds it before it is recorded.

    Raises:
        UserError: a name is none, or a package is not here or may not go in.
        SandboxError: the root could not be made.
    """
    asked = _asked(texts)
    sources, below = sources_and_digest("base")
    added = gathered(asked, standard(), standard_modules())
    if not added:
        raise UserError(f"{', '.join(texts)}: the standard image has that already; there is nothing to build")
    names = {_name(each) for each in asked}
    chosen = [package for package in added if name_of(package) in names]
    for package in chosen:
        if not modules_of(package):
            raise UserError(f"{name_of(package)} has no module that could be imported; leave it out")
    digest = _digest(below, added, names)
    place = cache_folder() / digest
    try:
        with locked(place.with_suffix(".lock")):
            new = not place.is_dir()
            if new:
                _make(added, sources.site_inside, place)
    except OSError as error:
        raise SandboxError(
            f"cannot build the sandbox image in {cache_folder()}: {error}; free some space, or set XDG_CACHE_HOME"
        ) from error
    image = Packaged(
        digest=digest,
        packages={name_of(package): package.version for package in chosen},
        others={name_of(package): package.version for package in added if package not in chosen},
        modules=tuple(sorted({module for package in added for module in modules_of(package)})),
        megabytes=round(sum(path.stat().st_size for package in added for _, path in files_of(package)) / (1 << 20), 1),
    )
    public = tuple(module for package in chosen for module in modules_of(package) if not module.startswith("_"))
    left_out = tuple(f"{name_of(package)}: {file}" for package in added for file in start_up_files(package))
    return Joined(image, public, left_out, new)


def _name(asked: Requirement) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(asked.name)


def _asked(texts: Sequence[str]) -> list[Requirement]:
    try:
        return [one(text) for text in texts]
    except ValueError as error:
        raise UserError(f"--with: {error}") from None


def _digest(below: str, added: Sequence[Distribution], names: set[str]) -> str:
    """Over the standard image's digest and each package's RECORD, which holds its files' hashes."""
    digest = hashlib.sha256(f"{LAYOUT}\n{below}\n{sorted(names)}\n".encode())
    for package in added:
        digest.update(f"{name_of(package)} {package.version}\n{package.read_text('RECORD')}\n".encode())
    return digest.hexdigest()


def _make(added: Sequence[Distribution], site: Path, place: Path) -> None:
    """Make the directory beside its place, then rename: nobody ever sees half of one."""
    below = root("base").path
    draft = place.with_name(f"{place.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(below, draft, symlinks=True, copy_function=_linked)
        binaries, sites = [], set()
        for package in added:
            sites.add(Path(str(package.locate_file(""))).resolve())
            for name, path in files_of(package):
                target = draft / site / name
                # Two may have the same file. One of the standard image's is linked, and would be changed there.
                if not target.exists():
                    put(intact(package, name, path), target)
                    put_compiled(path, target)
                if ".so" in path.suffixes:
                    binaries.append(path)
        if binaries:
            put_libraries(binaries, tuple(sites), draft)
        for parent, _, _ in os.walk(draft):
            Path(parent).chmod(0o755)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _linked(path: str, target: str) -> None:
    """The standard image's files are never written to, so one more name does for each."""
    with suppress(OSError):
        os.link(path, target)
        return
    shutil.copy2(path, target)
