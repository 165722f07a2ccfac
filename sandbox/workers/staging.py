"""The folder that a worker mounts: copies of the guest modules, and nothing else of this program.

``lib/`` holds the modules at their package paths, without the packages' ``__init__`` files, so that
``from gristmill.sandbox.values.canonical import encode`` works inside without importing what the host needs;
``control/`` is empty and holds the control socket of backends that listen.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.owners import is_gone, owner_label
from gristmill.sandbox.records import Profile

__all__ = ["ALWAYS", "stage", "sweep"]

ALWAYS = (
    "gristmill.sandbox.values.canonical",
    "gristmill.sandbox.values.encoding",
    "gristmill.sandbox.values.decoding",
    "gristmill.sandbox.channel",
)
PREFIX = "gristmill-"
OWNER = "owner"
GUEST_PACKAGE = "gristmill.sandbox.guest"


def stage(profile: Profile) -> Path:
    """A new folder for one worker of this profile, readable to every user; remove it with the worker.

    Raises:
        SandboxError: a guest module of the profile cannot be found, or the disk is full.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise _no_space(tempfile.gettempdir(), error) from error
    try:
        (folder / OWNER).write_text(owner_label())
        for name in _modules(profile):
            source = _source(name)
            target = folder / "lib" / Path(*name.split(".")).with_suffix(".py")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(0o644)
        (folder / "control").mkdir()
        for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            each.chmod(0o755)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _no_space(folder, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


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


def _modules(profile: Profile) -> list[str]:
    """Every module to stage, by its dotted name."""
    guest = importlib.util.find_spec(GUEST_PACKAGE)
    places = list(guest.submodule_search_locations or ()) if guest is not None else []
    own = [
        ".".join((GUEST_PACKAGE, *path.relative_to(place).with_suffix("").parts))
        for place in places
        for path in sorted(Path(place).rglob("*.py"))
        if path.stem != "__init__"
    ]
    return list(dict.fromkeys((*ALWAYS, *own, *profile.guest)))


def _source(name: str) -> Path:
    """The file of a module, found through its top package: neither the module nor a package of its is run."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = next((path for place in places if (path := Path(place, *rest).with_suffix(".py")).is_file()), None)
    if found is None:
        raise SandboxError(f"the guest module {name} of a sandbox profile is not a Python file here")
    return found
