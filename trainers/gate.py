"""Is the new adapter better than the old one, beyond noise?"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.evaluation import TaskResult
from gristmill.trainers.records import Share

__all__ = ["GateDecision", "decide"]


class GateDecision(Record):
    """The decision and what it rests on."""

    kept: bool
    reason: str
    before: Share
    after: Share
    delta: float = Field(description="after minus before, over the tasks scored in both")
    interval: tuple[float, float] = Field(description="95% interval of delta")
    p_value: float = Field(description="one-sided exact McNemar test of `after is no better`")


def decide(before: Sequence[TaskResult], after: Sequence[TaskResult], *, alpha: float = 0.05) -> GateDecision:
    """Paired on the same tasks; kept only if better and p ≤ alpha."""
    raise NotImplementedError
