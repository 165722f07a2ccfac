"""The loop. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.graph.config import Budget, RunConfig
    from gristmill.graph.models.base import Proposer
    from gristmill.graph.records import Hypothesis, Reflection, Sampling, Step, StopReason, Trajectory

_HOME = {
    "Budget": "config", "Hypothesis": "records", "Proposer": "models.base", "Reflection": "records",
    "RunConfig": "config", "Sampling": "records", "Step": "records", "StopReason": "records",
    "Trajectory": "records",
}  # fmt: skip

__all__ = [
    "Budget",
    "Hypothesis",
    "Proposer",
    "Reflection",
    "RunConfig",
    "Sampling",
    "Step",
    "StopReason",
    "Trajectory",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
