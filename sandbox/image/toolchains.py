"""Compilers and runtimes of this machine, for images that hold one of them beside Python and nothing else.

What is found here is copied, never run as root and never pulled from anywhere: a machine without a compiler has no
image for its language, and says so in one sentence. An image is named ``language:NAME``.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gristmill.sandbox.errors import SandboxError, UserError

__all__ = ["PREFIX", "Toolchain", "register", "toolchain", "toolchains", "variant_of"]

PREFIX = "language:"
_CALL_SECONDS = 60
# What the linker and the start of a C++ program are made of; a compiler that lacks one of them does without.
_LINKED = (
    *("crt1.o", "Scrt1.o", "rcrt1.o", "gcrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginS.o", "crtbeginT.o"),
    *("crtend.o", "crtendS.o", "crtfastmath.o", "libgcc.a", "libgcc_eh.a", "libgcc_s.so", "libgcc_s.so.1"),
    *("libstdc++.so", "libstdc++.so.6", "libstdc++fs.a", "libm.so", "libm.so.6", "libmvec.so.1", "libc.so"),
    *("libc.so.6", "libc_nonshared.a", "libpthread.a", "libpthread.so.0", "libdl.a", "librt.a", "libatomic.so"),
    *("libatomic.so.1", "libquadmath.so", "libquadmath.so.0", "liblto_plugin.so"),
)
_PARTS = ("cc1plus", "collect2")
_TOOLS = ("as", "ld")
# Of the machine's headers those of the C library and the kernel; folders of other libraries are of no use unlinked.
_C_FOLDERS = ("linux", "asm", "asm-generic", "bits", "sys", "gnu", "arpa", "net", "netinet", "rpc", "misc", "protocols")
# '/lib/x86_64-linux-gnu/libm.so.6' in the text that `libm.so` is
_NAMED = re.compile(r"(?<=\s)/[\w./+-]+\.(?:so[\w.]*|a)(?=\s)")
_SEARCHED = re.compile(r"^ (/\S+)$", re.MULTILINE)

Copies = Iterator[tuple[Path, Path]]


@dataclass(frozen=True)
class Toolchain:
    """How to find one language's programs and files here.

    Attributes:
        name: of the language, as tasks write it.
        programs: what is looked for on the PATH; each is to be found at ``/usr/bin/NAME`` inside.
        files: (path inside, path of this machine) of all else that belongs in the image.
        advice: what to do where a program is missing.
        version: words after which the first program says its version.
        folders: absolute folders that are brought along as they are.
    """

    name: str
    programs: tuple[str, ...]
    advice: str
    version: tuple[str, ...] = ("--version",)
    folders: tuple[str, ...] = ()
    files: Callable[[], Copies] | None = None

    @property
    def missing(self) -> str:
        """Why there can be no image of it here, in one sentence; empty if there can be one."""
        for name in self.programs:
            if shutil.which(name) is None:
                return f"there is no {name} on this machine, which builds the image for {self.name}: {self.advice}"
        for folder in self.folders:
            if not os.path.isdir(folder):
                return f"there is no folder {folder} on this machine for the image of {self.name}: {self.advice}"
        return ""

    def says(self) -> str:
        """What the first program says of its version, in one line; empty where it says nothing."""
        return _says(shutil.which(self.programs[0]) or "", self.version) if self.programs else ""

    def copies(self) -> Copies:
        """(path inside, path of this machine) of everything.

        Raises:
            SandboxError: a program is missing, or does not say where its parts are.
        """
        if why := self.missing:
            raise SandboxError(why)
        for name in self.programs:
            yield Path("usr/bin") / name, Path(str(shutil.which(name))).resolve()
        for folder in self.folders:
            yield from _below(Path(folder))
        if self.files is not None:
            yield from self.files()


@functools.cache
def _says(program: str, words: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=_CALL_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next((line.strip()[:200] for line in done.stdout.splitlines() if line.strip()), "")


def _below(folder: Path, depth: int | None = None) -> Copies:
    """All files of a folder, at their own paths; `depth` 0 leaves out the folders in it."""
    for parent, folders, names in os.walk(folder):
        if depth == 0:
            folders.clear()
        for name in names:
            path = Path(parent, name)
            if path.is_file():
                yield Path(str(path).lstrip("/")), path


def _gcc(*words: str, stdin: str | None = None) -> str:
    try:
        done = subprocess.run(
            ["g++", *words],
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=_CALL_SECONDS,
            check=False,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"g++ does not say where its parts are: {error}") from error
    return done.stdout if stdin is None else done.stderr


def _cpp() -> Copies:
    """Compiler, assembler, linker, their parts, the standard library and the headers, where g++ says that they are."""
    for name in _PARTS:
        path = Path(_gcc(f"-print-prog-name={name}").strip())
        if not path.is_file():
            raise SandboxError(f"g++ has no {name} here: install it whole (Debian: apt install g++)")
        yield _inside(path), path.resolve()
    for name in _TOOLS:
        tool = shutil.which(_gcc(f"-print-prog-name={name}").strip() or name)
        if tool is None:
            raise SandboxError(f"g++ finds no {name} here: install it (Debian: apt install binutils)")
        yield Path("usr/bin") / name, Path(tool).resolve()
    for name in _LINKED:
        # What is not found comes back as it was asked for.
        path = Path(_gcc(f"-print-file-name={name}").strip())
        if path.is_absolute() and path.is_file():
            yield _inside(path), path.resolve()
            yield from _named_in(path)
    listed = _gcc("-E", "-v", "-x", "c++", "/dev/null", stdin="")
    searched = listed.partition("#include <...>")[2].partition("End of search list")[0]
    for folder in map(Path, _SEARCHED.findall(searched)):
        if not (folder / "stdio.h").is_file():
            if folder.parts[:3] != ("/", "usr", "local"):
                yield from ((_inside(folder / path.relative_to(folder)), path) for _, path in _below(folder))
            continue
        yield from ((_inside(path), path) for _, path in _below(folder, depth=0) if path.suffix == ".h")
        for name in _C_FOLDERS:
            yield from ((_inside(path), path) for _, path in _below(folder / name))


def _inside(path: Path) -> Path:
    """The same path in the image: a compiler looks for its parts where it has been made to."""
    return Path(os.path.normpath(path).lstrip("/"))


def _named_in(path: Path) -> Copies:
    """The libraries that a text in the place of a library names."""
    if path.stat().st_size < 4096 and not (data := path.read_bytes()).startswith(b"\x7fELF"):
        for name in _NAMED.findall(data.decode(errors="replace")):
            if (named := Path(name)).is_file():
                yield _inside(named), named.resolve()


def _node() -> Copies:
    """What a distribution keeps outside of its program."""
    for name in ("acorn", "acorn-walk", "cjs-module-lexer", "undici"):
        yield from _below(Path("/usr/share/nodejs") / name)


_KNOWN: dict[str, Toolchain] = {
    "c++": Toolchain("c++", ("g++",), "install g++ (Debian: apt install g++)", ("--version",), files=_cpp),
    "javascript": Toolchain("javascript", ("node",), "install Node.js (Debian: apt install nodejs)", files=_node),
}


def register(chain: Toolchain) -> None:
    """Make a toolchain known in this process; one of the same name is replaced."""
    _KNOWN[chain.name] = chain


def toolchains() -> tuple[Toolchain, ...]:
    """All that are known, by name, whether they can be found here or not."""
    return tuple(_KNOWN[name] for name in sorted(_KNOWN))


def toolchain(name: str) -> Toolchain | None:
    """The one of that name."""
    return _KNOWN.get(name)


def variant_of(name: str) -> str:
    """The image of a language.

    Raises:
        UserError: nobody knows it, or this machine has no compiler for it.
    """
    if (chain := toolchain(name)) is None:
        raise UserError(f"there is no language {name!r} to build an image for; known are {', '.join(sorted(_KNOWN))}")
    if why := chain.missing:
        raise UserError(why)
    return f"{PREFIX}{name}"
