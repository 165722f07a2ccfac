"""What a run is, and what it came to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.graph.records import StopReason, Tokens
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome, Strength

__all__ = ["CampaignSummary", "Purpose", "Run", "Status", "TaskStanding"]

Status = Literal["running", "finished", "interrupted", "failed"]

Purpose = Literal["search", "evaluation"]
"""Whether a run looks for solutions or measures a model; who lists runs is shown evaluations only when asked for."""


class Run(Record):
    """One run as the store knows it."""

    name: str
    purpose: Purpose = "search"
    config: RunConfig
    tasks: int
    ended: int
    solved: int
    status: Status
    detail: str = ""
    created: datetime
    seconds: float


class CampaignSummary(Record):
    """What a run came to, over its whole life (resumes included)."""

    run: str
    status: Status
    detail: str = ""
    tasks: int
    ended: int = Field(description="tasks whose loop ended")
    solved: int = Field(description="tasks with at least one hypothesis that passed")
    hypotheses: int
    verified: int = Field(description="hypotheses that passed, strongly enough to be exported as verified")
    unverified: dict[Strength, int] = Field({}, description="those that passed and are not verified, by strength")
    unscored: int = Field(description="hypotheses that infrastructure trouble left unjudged; retried at resume")
    outcomes: dict[Outcome, int]
    stops: dict[StopReason, int]
    tokens: Tokens
    calls: int = Field(description="model calls that were started, repeats after a kill included")
    repeated: int = Field(description="calls that had to be made again because a kill had cut them off")
    unanswered: int = Field(0, description="places for which the model was asked in vain; asked again at resume")
    cut: int = Field(0, description="replies that were cut off at the greatest length allowed")
    reasoning_only: int = Field(0, description="replies that came to no answer after their reasoning")
    seconds: float = Field(description="wall time of all sessions of this run")

    @property
    def verified_share(self) -> float:
        """Verified hypotheses among the scored ones; 0 where none is scored."""
        scored = self.hypotheses - self.unscored
        return self.verified / scored if scored else 0.0


class TaskStanding(Record):
    """How one task of a run stands: its best hypothesis so far, and what it took."""

    task: str
    kind: str
    stop: StopReason | None = Field(None, description="why its loop ended; None while it goes on")
    solved: bool
    best: str | None = Field(None, description="id of the best hypothesis, by the run's own ranking")
    outcome: Outcome | None = Field(None, description="of the best hypothesis, as the score")
    strength: Strength | None = Field(None, description="of the best hypothesis, where that passed")
    score: float | None = None
    graded: bool = Field(False, description="its score says how good a solution is; the next two are of such tasks")
    baseline: float | None = Field(None, description="the best score of the first round, before any feedback")
    target: float | None = Field(None, description="the score from which a hypothesis passes")
    rounds: int
    calls: int = Field(description="model calls that were started for it")
