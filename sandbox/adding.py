"""Building an image with packages: `gristmill sandbox build --with`.

That each package can be imported is tried in a sandbox, behind the same walls as candidates; an image in which one
cannot is not kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.image.joining import join
from gristmill.sandbox.image.packaged import Packaged, record
from gristmill.sandbox.image.root import cache_folder
from gristmill.sandbox.records import Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import DecodeError, decode
from gristmill.sandbox.workers.warm import canary

__all__ = ["Added", "add"]

_IMPORT = "gristmill.sandbox.guest.canary:imported"
# What a package may take to be loaded; a task's own limits are another matter.
_LIMITS = Limits(wall_seconds=120, cpu_seconds=120, memory_mb=2048, processes=64)


@dataclass(frozen=True)
class Added:
    """What was built: the image, what was left out of it, and how long each of its modules took to be imported."""

    image: Packaged
    left_out: tuple[str, ...]
    seconds: dict[str, float]


async def add(texts: Sequence[str], factory: SandboxFactory) -> Added:
    """Build an image with these packages, try it in workers of `factory`, and let tasks find it.

    Raises:
        UserError: a name is none, a package is not here or may not go in, or cannot be imported inside.
        SandboxError: the image could not be made or tried.
    """
    joined = join(texts)
    image = joined.image
    try:
        quiet, seconds = await _tried(factory, image.image, joined.public)
        image = image.model_copy(update={"preload": await _loadable(factory, image.image, quiet)})
        record(image)
    except OSError as error:
        raise SandboxError(f"cannot record the sandbox image in {cache_folder()}: {error}; free some space") from error
    except BaseException:
        if joined.new:
            _forget(image.digest, factory.backend)
        raise
    return Added(image, joined.left_out, seconds)


async def _tried(
    factory: SandboxFactory, image: str, modules: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Import each module in a job of its own; returns those that leave nothing but memory, and each one's seconds."""
    quiet: list[str] = []
    seconds = {}
    async with factory.create(Profile(name="imports", image=image)) as sandbox:
        await canary(sandbox)
        for module in modules:
            report = await sandbox.run(Job(program=_IMPORT, request=module, limits=_LIMITS))
            said = _said(report)
            if said.get("module") != module:
                detail = said.get("error") or report.note or report.stderr.decode(errors="replace").strip()
                raise UserError(
                    f"`import {module}` does not work in a sandbox ({report.ending}), so the image is not kept: "
                    f"{str(detail)[-600:] or 'it says nothing'}"
                )
            seconds[module] = float(said["seconds"])
            quiet += [module] if said["left"] == 0 else []
    return tuple(quiet), seconds


async def _loadable(factory: SandboxFactory, image: str, modules: tuple[str, ...]) -> tuple[str, ...]:
    """Those that a worker may have loaded: it starts, has no thread but its own, and is well."""
    try:
        async with factory.create(Profile(name="imports", image=image, preload=modules)) as sandbox:
            await canary(sandbox)
    except SandboxError:
        if len(modules) < 2:
            return ()
        # Each by itself: what starts threads of its own is not seen from Python.
        return tuple([quiet for each in modules for quiet in await _loadable(factory, image, (each,))])
    return modules


def _said(report: Report) -> dict[str, Any]:
    try:
        said = decode(report.messages[0]) if report.messages else {}
    except DecodeError:
        said = {}
    return said if isinstance(said, dict) else {}


def _forget(digest: str, backend: str) -> None:
    """Leave nothing of an image that is of no use."""
    shutil.rmtree(cache_folder() / digest, ignore_errors=True)
    if backend == "docker":
        from gristmill.sandbox.backends.engine import drop_image

        drop_image(digest)
