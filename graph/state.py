"""What travels along the graph's edges and into checkpoints: ids and small values, nothing that grows.

Only builtins: the checkpoint serializer (`gristmill.graph.storage.checkpoints`) refuses everything else. All verdicts
live in the store, where every node finds them again after a kill.
"""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

__all__ = ["CampaignState", "TaskEnding", "TaskState"]


class TaskState(TypedDict, total=False):
    """One task's loop, between two nodes."""

    task_id: str
    round: int
    parents: list[list[str]]
    """For each sample of this round, the hypotheses that it builds on; empty in the first round."""
    spent: str | None
    """The budget (a `StopReason`) that refused a call of this round."""
    best: str | None
    score: float | None
    passed: int
    target: bool
    stale: int
    novel: int
    """These six are the `Standing` after the round."""
    stop: str | None
    detail: str
    seconds: float
    """Time spent in proposing and verifying so far."""


class TaskEnding(TypedDict):
    """What a task's loop hands to the campaign."""

    ended: int


class CampaignState(TypedDict, total=False):
    """The campaign: which tasks are at work, and how far it has come."""

    pending: list[str]
    """Tasks of the wave that is sent out."""
    after: int
    """Position, in the run, of the last task that was sent out; -1 before the first."""
    left: bool
    ended: Annotated[int, operator.add]
