"""What travels along the graph's edges: ids and small values, nothing that grows.

It dies with the process. All verdicts live in the store, from which a resumed run finds its way again.
"""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

__all__ = ["CampaignState", "TaskEnding", "TaskState"]


class TaskState(TypedDict, total=False):
    """One task's loop, between two nodes."""

    task_id: str
    round: int
    spent: str | None
    """The budget (a `StopReason`) that refused a call of this round."""
    stop: str | None
    detail: str
    until: int | None
    """Once there is a reason to stop: the last round that was asked for before it was known."""
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
