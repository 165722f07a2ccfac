"""Run code that nobody trusts. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory, BubblewrapSandbox
    from gristmill.sandbox.backends.docker import DockerFactory, DockerOptions, DockerSandbox
    from gristmill.sandbox.backends.fake import FakeFactory, FakeSandbox
    from gristmill.sandbox.base import Jobs, Sandbox, SandboxFactory, Session
    from gristmill.sandbox.errors import GristmillError, InfrastructureError, SandboxError, UserError
    from gristmill.sandbox.pool import Pool
    from gristmill.sandbox.records import (
        CANDIDATE,
        Ending,
        Job,
        Limits,
        Profile,
        Report,
        SandboxInfo,
        candidate_profile,
    )

    __version__: str

_HOME = {
    name: module
    for module, names in (
        ("backends.bubblewrap", "BubblewrapFactory BubblewrapSandbox"),
        ("backends.docker", "DockerFactory DockerOptions DockerSandbox"),
        ("backends.fake", "FakeFactory FakeSandbox"),
        ("base", "Jobs Sandbox SandboxFactory Session"),
        ("errors", "GristmillError InfrastructureError SandboxError UserError"),
        ("pool", "Pool"),
        ("records", "CANDIDATE Ending Job Limits Profile Report SandboxInfo candidate_profile"),
    )
    for name in names.split()
}

__all__ = [
    "CANDIDATE",
    "BubblewrapFactory",
    "BubblewrapSandbox",
    "DockerFactory",
    "DockerOptions",
    "DockerSandbox",
    "Ending",
    "FakeFactory",
    "FakeSandbox",
    "GristmillError",
    "InfrastructureError",
    "Job",
    "Jobs",
    "Limits",
    "Pool",
    "Profile",
    "Report",
    "Sandbox",
    "SandboxError",
    "SandboxFactory",
    "SandboxInfo",
    "Session",
    "UserError",
    "__version__",
    "candidate_profile",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # `gristmill` itself is a namespace and can hold no attribute, so each of the four packages has it.
        return import_module("importlib.metadata").version("gristmill")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
