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

    `docker` says which image, OCI runtime and processor share containers get, if it comes to those.

    Raises:
        UserError: no backend has that name.
        SandboxError: the backend does not work on this machine; the message says how to get one.
    """
    if backend not in BACKENDS:
        raise UserError(f"unknown sandbox {backend!r}; use one of {', '.join(BACKENDS)}")
    troubles = []
    if backend in ("auto", "docker"):
        from gristmill.sandbox.backends.docker import DockerFactory

        containers = DockerFactory(docker)
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
        except SandboxError as error:
            troubles.append(str(error))
        else:
            return bubblewrap
    raise SandboxError("no sandbox works here, and candidates never run without one:\n- " + "\n- ".join(troubles))
