"""Which shared libraries a set of binaries needs from this machine, the dynamic loader included."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from gristmill.sandbox.errors import SandboxError

__all__ = ["SharedLibraries", "needed"]

_ARROW = re.compile(r"^\s+(\S+) => (/\S+) \(0x[0-9a-f]+\)$")
_PLAIN = re.compile(r"^\s+(/\S+) \(0x[0-9a-f]+\)$")


class SharedLibraries:
    """`loader` by the path that binaries name, and `libraries` by soname; all paths are of this machine.

    `folder` is where the C library lives: a directory that its own loader searches by default, so every library
    that is put there is found, without a cache, an environment variable or patched binaries.
    """

    def __init__(self, loader: Path, libraries: dict[str, Path]) -> None:
        self.loader = loader
        self.libraries = libraries
        self.folder = libraries.get("libc.so.6", loader).parent


def needed(binaries: Iterable[Path], inside: tuple[Path, ...]) -> SharedLibraries:
    """What `binaries` load, transitively, and that does not itself lie in one of the folders `inside`.

    Raises:
        SandboxError: there is no ldd here, or it names no loader.
    """
    loader: Path | None = None
    libraries: dict[str, Path] = {}
    for line in _ldd(sorted(binaries)):
        if match := _ARROW.match(line):
            name, path = match[1], Path(match[2])
            if not any(path.is_relative_to(folder) for folder in inside):
                libraries.setdefault(name, path)
        elif match := _PLAIN.match(line):
            loader = loader or Path(match[1])
    if loader is None:
        raise SandboxError("ldd named no dynamic loader for this Python; use a dynamically linked CPython on Linux")
    return SharedLibraries(loader, libraries)


def _ldd(binaries: list[Path], batch: int = 100) -> Iterator[str]:
    for start in range(0, len(binaries), batch):
        command = ["ldd", *map(str, binaries[start : start + batch])]
        try:
            # ldd exits with 1 when one of the files is static; what it says of the others still holds.
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except FileNotFoundError:
            raise SandboxError("building the sandbox image needs the command ldd (Debian: libc-bin)") from None
        yield from done.stdout.splitlines()
