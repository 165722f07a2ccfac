"""The installed packages that an image is to hold, with all that they need, looked at before a file is copied.

Against a package that would change what judges: one that brings a module under the name of one of Python's own, of
this program's or of the standard image's, one that puts files into another's folder, one whose files are not those
that it was installed with. Nothing of a package is imported or run here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image.filling import files_of, is_start_up

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["gathered", "intact", "modules_of", "name_of", "start_up_files"]

_OURS = frozenset({"gristmill", "solution", "shared", "tests", "conftest"})
_ENDINGS = (".py", ".so")


def name_of(package: Distribution) -> str:
    """A package's name in its canonical form: ``scikit-learn``."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(package.metadata["Name"])


def gathered(asked: Sequence[Requirement], held: Container[str], theirs: Mapping[str, str]) -> list[Distribution]:
    """What is asked for and what that needs, without packages that are `held` already, each once, by name.

    `theirs` are the modules of those, each with its package.

    Raises:
        UserError: a package is not installed, not in a version that will do, or may not be in a sandbox.
    """
    added: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[Requirement, str]] = [(each, "") for each in asked]
    while waiting:
        wanted, by = waiting.pop()
        package = _installed(wanted, by)
        name, extras = name_of(package), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in held:
            added[name] = package
        waiting += [(each, name) for each in _needs(package, extras)]
    ordered = [added[name] for name in sorted(added)]
    _check(ordered, theirs)
    return ordered


def _installed(wanted: Requirement, by: str) -> Distribution:
    text = f"{wanted.name}{wanted.specifier}"
    needed = f"{by} needs {text}" if by else f"{text} is asked for"
    remedy = f"pip install --only-binary :all: '{text}'"
    try:
        package = distribution(wanted.name)
    except PackageNotFoundError:
        raise UserError(
            f"{needed}, and {wanted.name} is not installed in this Python ({sys.prefix}), where images take their "
            f"packages from: look at the name, then {remedy}"
        ) from None
    if not wanted.specifier.contains(package.version, prereleases=True):
        raise UserError(f"{needed}, and {package.version} is installed here: {remedy}")
    return package


def _needs(package: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    from packaging.requirements import Requirement

    for text in package.requires or ():
        wanted = Requirement(text)
        # Installers live outside; see `root`.
        if wanted.name == "setuptools":
            continue
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield wanted


def modules_of(package: Distribution) -> tuple[str, ...]:
    """The names under which a package is imported: ``sklearn`` of scikit-learn; sorted."""
    tops = set()
    for name, _ in files_of(package):
        if name.name.endswith(_ENDINGS):
            top = name.parts[0] if len(name.parts) > 1 else name.name.partition(".")[0]
            tops |= {top} if top.isidentifier() else set()
    return tuple(sorted(tops))


def start_up_files(package: Distribution) -> list[str]:
    """Files that Python would run by itself, and that stay outside."""
    return [str(name) for name in package.files or () if is_start_up(name)]


def _check(added: Sequence[Distribution], theirs: Mapping[str, str]) -> None:
    owners: dict[PurePosixPath, tuple[str, str]] = {}
    for package in added:
        name = name_of(package)
        if name == "gristmill":
            raise UserError("gristmill itself never goes into a sandbox: it holds what judges; leave out what needs it")
        _check_origin(package, name)
        for module in modules_of(package):
            owner = "Python's own" if module in sys.stdlib_module_names else "this program's" if module in _OURS else ""
            if owner or module in theirs:
                raise UserError(
                    f"{name} may not go into a sandbox: its module `{module}` has the name of one that is "
                    f"{owner or theirs[module] + chr(39) + 's'}, and would stand in its place; leave it out"
                )
        for path, _ in files_of(package):
            if not path.name.endswith(_ENDINGS):
                continue
            mark = _mark(path)
            other, before = owners.setdefault(path, (name, mark))
            if before != mark:
                raise UserError(f"{name} and {other} both have a file {path}, each its own; leave one of them out")


def _check_origin(package: Distribution, name: str) -> None:
    try:
        origin = json.loads(package.read_text("direct_url.json") or "{}")
    except ValueError:
        origin = {}
    if isinstance(origin, dict) and isinstance(info := origin.get("dir_info"), dict) and info.get("editable"):
        raise UserError(f"{name} is installed in editable form, so its files are elsewhere: pip install it as a wheel")
    if package.read_text("RECORD") is None:
        raise UserError(
            f"{name} was installed without a list of its files (RECORD): pip install --force-reinstall {name}"
        )


def _mark(path: PurePosixPath) -> str:
    stated = getattr(path, "hash", None)
    return str(stated.value) if stated is not None else ""


def intact(package: Distribution, name: PurePosixPath, path: Path) -> Path:
    """The file, if it is the one that was installed: the digest of an image is over RECORDs.

    Raises:
        UserError: it has been changed since.
    """
    stated = getattr(name, "hash", None)
    if stated is not None and stated.mode == "sha256":
        real = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        if real != stated.value:
            raise UserError(
                f"{path} was changed after it was installed, so no digest would say what is in an image: "
                f"pip install --force-reinstall {name_of(package)}"
            )
    return path
