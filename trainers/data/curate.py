"""Trajectories → rows worth training on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from gristmill.graph.records import Trajectory
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task

__all__ = ["CurateConfig", "Curated", "curate"]


class CurateConfig(Record):
    """Which steps become rows."""

    verified: bool = Field(True, description="False is the control: parsed replies at random, whatever their verdict")
    per_task: int = Field(4, ge=1, description="different solutions of one task at most")
    near_copy: float = Field(
        0.95, gt=0, le=1, description="similarity to a held-out prompt from which a task is left out"
    )
    size: int | None = Field(None, ge=1, description="rows at most, drawn at random")
    seed: int = 0


class Curated(Record):
    """Rows, and how many steps were left out for which reason."""

    rows: tuple[dict[str, Any], ...]
    dropped: dict[str, int]


def curate(
    trajectories: Sequence[Trajectory], *, held_out: Sequence[Task], config: CurateConfig | None = None
) -> Curated:
    """Rows ``{"prompt": [messages], "completion": [messages], …provenance}``, in a stable order."""
    raise NotImplementedError
