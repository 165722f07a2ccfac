"""Run code that nobody trusts. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.sandbox.base import Sandbox, SandboxFactory
    from gristmill.sandbox.errors import GristmillError, InfrastructureError, SandboxError, UserError
    from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report, SandboxInfo

_HOME = {
    "Ending": "records", "GristmillError": "errors", "InfrastructureError": "errors", "Job": "records",
    "Limits": "records", "Profile": "records", "Report": "records", "Sandbox": "base", "SandboxError": "errors",
    "SandboxFactory": "base", "SandboxInfo": "records", "UserError": "errors",
}  # fmt: skip

__all__ = [
    "Ending",
    "GristmillError",
    "InfrastructureError",
    "Job",
    "Limits",
    "Profile",
    "Report",
    "Sandbox",
    "SandboxError",
    "SandboxFactory",
    "SandboxInfo",
    "UserError",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
