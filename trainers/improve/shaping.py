"""Curated rows → rows in the shape that a method reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill.graph.records import Trajectory
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.data.export import export_rows
from gristmill.trainers.data.prompting import Profile
from gristmill.trainers.methods.base import Rows
from gristmill.trainers.methods.fitting.shapes import FORMATS
from gristmill.verifiers.settling import Accept

__all__ = ["shaped"]


def shaped(
    kind: str,
    rows: Rows,
    trajectories: Sequence[Trajectory],
    *,
    config: CurateConfig,
    accept: Accept = "verified",
    profile: Profile | None = None,
) -> tuple[dict[str, Any], ...]:
    """What this method learns from: of the tasks of curated rows, and of no others, since the others were left out.

    For `sft` the rows themselves. Pairs and unpaired replies are those of `export`. Prompts to sample from are those of
    tasks of which some replies were accepted and some not, as only groups whose rewards differ teach anything; where
    there is no such task, of all.
    """
    format = FORMATS[kind][0] if kind in FORMATS else "sft"
    if format == "sft":
        return tuple(rows)
    tasks = {row["task"] for row in rows}
    kept = [trajectory for trajectory in trajectories if trajectory.task.id in tasks]
    found = export_rows(kept, format, accept=accept, prompts=config.prompts, replies=config.replies, profile=profile)
    if format == "grpo":
        found = [row for row in found if row["share"] is not None and 0 < row["share"] < 1] or found
    return tuple(found)
