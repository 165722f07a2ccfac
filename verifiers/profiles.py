"""The workers that candidates and their test programs run in: which guest folders each has, and what is preloaded."""

from __future__ import annotations

import re

from gristmill.sandbox.image.packaged import STANDARD, Packaged
from gristmill.sandbox.image.toolchains import PREFIX
from gristmill.sandbox.records import Mounted, Profile, Programs
from gristmill.verifiers.languages.records import Language

__all__ = ["candidate", "imports", "judge", "libraries", "loaded", "program", "together"]

_GUEST = "gristmill.verifiers.code.guest"
# No judge's module is staged for candidates, and nothing of the candidate's side is for judges.
_CANDIDATE = (f"{_GUEST}.wire", f"{_GUEST}.candidate")
_JUDGE = (f"{_GUEST}.wire", f"{_GUEST}.counting", f"{_GUEST}.judge")
# The consistency run holds both sides on purpose, and is thrown away: see `gristmill.verifiers.code.consistency`.
_TOGETHER = (f"{_GUEST}.counting", f"{_GUEST}.together")
# What solutions import most, so that a job need not.
_COMMON = (
    *("asyncio", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string"),
    *("textwrap", "typing", "unittest"),
)
_LIBRARIES = ("numpy", "scipy", "sympy")
# What a library loads when it is first needed, for most of a second or two; optimizers of torch want its compiler.
_PARTS = {"scipy": ("scipy.linalg", "scipy.optimize"), "torch": ("torch._dynamo",)}
_IMPORT = re.compile(r"^[ \t\f]*(?:import|from)[ \t\f]+(\w+)", re.MULTILINE)


def libraries(*sources: str, image: Packaged = STANDARD) -> tuple[str, ...]:
    """Those big libraries of the image that some source imports: loading them beforehand saves every job the time."""
    named = {name for source in sources for name in _IMPORT.findall(source)}
    return tuple(name for name in (*_LIBRARIES, *image.preload) if name in named)


def imports(name: str, *sources: str) -> bool:
    """Whether some source imports a module of that name."""
    return any(name in _IMPORT.findall(source) for source in sources)


def loaded(profile: Profile) -> tuple[str, ...]:
    """The big libraries that a profile has loaded."""
    return tuple(name for name in profile.preload if name not in _COMMON and "." not in name)


def candidate(
    preload: tuple[str, ...] = (), memory_mb: int = 0, image: str = STANDARD.image, data: tuple[Mounted, ...] = ()
) -> Profile:
    """Workers that hold a candidate and nothing else, and have at least that much memory."""
    return _profile("candidate", _CANDIDATE, preload, memory_mb, image, data)


def judge(
    preload: tuple[str, ...] = (), memory_mb: int = 0, image: str = STANDARD.image, data: tuple[Mounted, ...] = ()
) -> Profile:
    """Workers that hold a test program."""
    return _profile("judge", _JUDGE, preload, memory_mb, image, data)


def together(
    preload: tuple[str, ...] = (), memory_mb: int = 0, image: str = STANDARD.image, data: tuple[Mounted, ...] = ()
) -> Profile:
    """Workers that hold a test program and a candidate, and are thrown away."""
    return _profile("together", _TOGETHER, preload, memory_mb, image, data, common=())


def program(language: Language, memory_mb: int) -> Profile:
    """Workers whose image holds one language's programs beside Python, and whose jobs may start those."""
    profile = Profile(
        name=f"language-{language.name}",
        guest=("gristmill.sandbox.guest.programs",),
        image=f"{PREFIX}{language.name}",
        programs=Programs.RUNTIME if language.pipes else Programs.COMPILED,
    )
    return _sized(profile, memory_mb)


def _profile(
    name: str,
    guest: tuple[str, ...],
    preload: tuple[str, ...],
    memory_mb: int,
    image: str,
    data: tuple[Mounted, ...],
    common: tuple[str, ...] = _COMMON,
) -> Profile:
    parts = (part for library in preload for part in _PARTS.get(library, ()))
    loading = (*common, *preload, *parts)
    profile = Profile(name="-".join((name, *preload)), guest=guest, preload=loading, image=image, data=data)
    return _sized(profile, memory_mb)


def _sized(profile: Profile, memory_mb: int) -> Profile:
    """The profile with workers of at least that much memory, in few sizes: tasks that differ a little share workers."""
    size = next((size for size in (2048, 8192, 32768) if size >= memory_mb), 2 * memory_mb)
    return profile.model_copy(update={"memory_mb": size})
