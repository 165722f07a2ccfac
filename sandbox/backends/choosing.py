"""Choosing a backend by name, and saying what to do where none works."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.errors import SandboxError, UserError

if TYPE_CHECKING:
    from gristmill.sandbox.backends.docker import DockerOptions

__all__ = ["BACKENDS", "choose_factory"]

BACKENDS = ("auto", "docker", "bubblewrap")


async def choose_factory(backend: str = "auto", docker: DockerOptions | None = None) -> SandboxFactory:
    """The factory of the named backend; ``auto`` takes Docker if an engine answers, else bubblewrap.

    ``docker:RUNTIME`` names another OCI runtime that the engine knows, say ``docker:runsc`` for gVisor. `docker` says
    which image, OCI runtime and processor share containers get, if it comes to those.

    Raises:
        UserError: no backend has that name.
        SandboxError: the backend does not work on this machine; the message says how to get one.
    """
    asked, (backend, colon, runtime) = backend, backend.partition(":")
    if backend not in BACKENDS or (colon and not (backend == "docker" and runtime)):
        raise UserError(f"unknown sandbox {asked!r}; use one of {', '.join(BACKENDS)}, or docker:RUNTIME")
    troubles = []
    if backend in ("auto", "docker"):
        from gristmill.sandbox.backends.docker import DockerFactory, DockerOptions

        options = docker or DockerOptions()
        containers = DockerFactory(options.model_copy(update={"runtime": runtime}) if runtime else options)
        try:
            await asyncio.to_thread(containers.check)
        except SandboxError as error:
            troubles.append(str(error))
        else:
            return containers
    if backend in ("auto", "bubblewrap"):
        from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory

        bubblewrap = BubblewrapFactory()
        try:
            await asyncio.to_thread(bubblewrap.check)
            await bubblewrap.probe()
        except SandboxError as error:
            troubles.append(str(error))
        else:
            return bubblewrap
    raise SandboxError("no sandbox works here, and candidates never run without one:\n- " + "\n- ".join(troubles))
