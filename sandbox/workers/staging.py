"""The folder that a worker mounts: guest folders, what both ends speak, and nothing else of this program.

``lib/`` holds their modules, source and bytecode, at their package paths, without the packages' ``__init__`` files, so
that ``from gristmill.sandbox.wire.values import encode`` works inside without importing what the host needs;
``control/`` is empty and holds the control socket of backends that listen.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.root import cache_folder
from gristmill.sandbox.owners import is_gone, owner_label
from gristmill.sandbox.records import Profile
from gristmill.sandbox.workers.compiling import compiled, compiled_name

__all__ = ["ALWAYS", "INSIDE", "guest_modules", "stage", "sweep"]

ALWAYS = ("gristmill.sandbox.wire", "gristmill.sandbox.guest")
INSIDE = "/gristmill/lib"
"""Where a worker finds ``lib/``."""
PREFIX = "gristmill-"
OWNER = "owner"
UNUSED_SECONDS = 30 * 86400


def stage(profile: Profile, *, shared: bool = False) -> Path:
    """A new folder for one worker of this profile, readable to every user; remove it with the worker.

    `shared`: its ``lib`` leads to one in the cache that all workers of these guest folders mount, read-only, so that
    none has to write its own; where nothing can be kept there, it has one of its own.

    Raises:
        SandboxError: a guest module of the profile cannot be found, or the disk is full.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise _no_space(tempfile.gettempdir(), error) from error
    try:
        (folder / OWNER).write_text(owner_label())
        modules = {name: path.read_bytes() for name, path in _sources((*ALWAYS, *profile.guest)).items()}
        kept = _kept(modules) if shared else None
        if kept is not None:
            (folder / "lib").symlink_to(kept)
        else:
            _write(modules, folder / "lib")
        (folder / "control").mkdir()
        for each in (folder, folder / "control"):
            each.chmod(0o755)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _no_space(folder, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _write(modules: Mapping[str, bytes], lib: Path) -> None:
    """Modules by their dotted names, with their bytecode."""
    for name, text in modules.items():
        target = lib / Path(*name.split(".")).with_suffix(".py")
        bytecode = target.parent / "__pycache__" / compiled_name(target.stem)
        bytecode.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
        bytecode.write_bytes(compiled(name, text, f"{INSIDE}/{target.relative_to(lib)}"))
        target.chmod(0o644)
        bytecode.chmod(0o644)
    for each in (lib, *(path for path in lib.rglob("*") if path.is_dir())):
        each.chmod(0o755)


def _kept(modules: Mapping[str, bytes]) -> Path | None:
    """The folder in the cache that holds just these modules, made if need be; None where none can be kept.

    When it was last asked for is told by the folder around it, which no worker sees.
    """
    digest = hashlib.sha256(compiled_name("").encode())
    for name, text in modules.items():
        digest.update(f"\0{name}\0{len(text)}\0".encode() + text)
    place = cache_folder().parent / "guests" / digest.hexdigest()
    try:
        os.utime(place)
    except FileNotFoundError:
        draft = None
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=place.parent))
            _write(modules, draft / "lib")
            # Whole, or not at all. Whoever was quicker has made the same.
            with contextlib.suppress(OSError):
                draft.rename(place)
            _remove_unused(place.parent)
        except OSError:
            return None
        finally:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError:
        return None
    lib = place / "lib"
    return lib if lib.is_dir() else None


def _remove_unused(guests: Path) -> None:
    """Take away folders of modules that no worker has been started with for long."""
    for each in guests.iterdir():
        with contextlib.suppress(OSError):
            if each.is_dir() and each.stat().st_mtime < time.time() - UNUSED_SECONDS:
                # First out of everybody's way, so that no half of it is found.
                shutil.rmtree(each.rename(f"{each}.gone"), ignore_errors=True)


def sweep() -> int:
    """Remove the folders of workers whose owner was killed before it could; how many those were."""
    swept = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            gone = is_gone((folder / OWNER).read_text())
        except OSError:
            continue  # another user's, or not ours
        if gone:
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _no_space(folder: str | Path, error: OSError) -> SandboxError:
    return SandboxError(
        f"cannot stage the sandbox's modules in {folder}: {error}; free some space there, or set TMPDIR"
    )


def guest_modules(profile: Profile) -> list[str]:
    """The dotted names of the modules that a profile adds: what its zygote imports before it forks.

    Raises:
        SandboxError: a guest folder or module of the profile cannot be found.
    """
    return list(_sources(profile.guest))


def _sources(names: tuple[str, ...]) -> dict[str, Path]:
    """Every module that `names` stand for, with its file: all in a folder, or the one of that name."""
    modules: dict[str, Path] = {}
    for name in names:
        place = _place(name)
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for path in files:
            if path.stem != "__init__":
                inside = path.relative_to(place).with_suffix("").parts if place.is_dir() else ()
                modules.setdefault(".".join((name, *inside)), path)
    return modules


def _place(name: str) -> Path:
    """The folder or file of a dotted name, found through its top package: nothing on the way is imported."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    for place in list(spec.submodule_search_locations or ()) if spec is not None else []:
        path = Path(place, *rest)
        if path.is_dir():
            return path
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
    raise SandboxError(f"{name}, named by a sandbox profile as guest, is neither a folder nor a Python file here")
