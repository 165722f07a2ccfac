"""What a run is, and what it came to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.graph.records import StopReason, Tokens
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Direction, Outcome, Strength

__all__ = ["CampaignSummary", "Closing", "Finalist", "Opening", "Purpose", "Run", "Status", "TaskStanding", "Usual"]

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
    spared: int = Field(
        0, description="hypotheses without a verdict whose task has ended, as what a ranker set behind one that passed"
    )
    faulty: int = Field(0, description="of these, those for which a task's own evaluator had no number, by its fault")
    fault: str = Field("", description="what such an evaluator did, and where")
    fault_of: str = Field("", description="the task whose evaluator it is")
    outcomes: dict[Outcome, int]
    stops: dict[StopReason, int]
    tokens: Tokens
    calls: int = Field(description="model calls that were started, repeats after a kill included")
    counted: int = Field(
        0, description="tokens that count in the budget: of a call that was cut off, the most that it may have taken"
    )
    money: float = Field(0.0, description="dollars that calls have cost, counted as those tokens are")
    repeated: int = Field(description="calls that had to be made again because a kill had cut them off")
    left_out: dict[str, str] = Field({}, description="models that were given up, with the reason")
    unanswered: int = Field(0, description="places for which the model was asked in vain; asked again at resume")
    cut: int = Field(0, description="replies that were cut off at the greatest length allowed")
    reasoning_only: int = Field(0, description="replies that came to no answer after their reasoning")
    seconds: float = Field(description="wall time of all sessions of this run")

    @property
    def verified_share(self) -> float:
        """Verified hypotheses among the scored ones; 0 where none is scored."""
        scored = self.hypotheses - self.unscored - self.spared
        return self.verified / scored if scored else 0.0


class Usual(Record):
    """What the answered calls of a run took, all of them together."""

    calls: int = Field(ge=1)
    tokens: Tokens
    seconds: float = Field(description="of waiting for answers, one call after another")


class Finalist(Record):
    """A hypothesis that stood to be the best of its task when the search ended, and what a second look has shown.

    For the task's owner: no model is ever told of it, also where the search goes on later.
    """

    hypothesis: str
    score: float | None = Field(description="what the search has found")
    rescore: float | None = Field(
        None,
        description="what was found on fresh workers, by fresh seeds where there are any: the mean of all replicates",
    )
    replicates: int = Field(0, description="how often it was evaluated again")
    low: float | None = Field(None, description="lower end of the 95% interval of `rescore`, where the score is noisy")
    high: float | None = Field(None, description="its upper end")
    reproduced: bool | None = Field(
        None, description="whether plain Python, evaluator and candidate in one process, comes to the same score"
    )
    held_out: float | None = Field(
        None, description="the score on instances that the search was not steered by; of the winner only"
    )
    stepped_down: str = Field("", description="why it is not the best, though the search had it so")


class Opening(Record):
    """What a task holds out was opened for one hypothesis; written down before it is looked at."""

    task: str
    hypothesis: str
    at: datetime


class Closing(Record):
    """What was found of the best of a task before it was announced: its record of its own, never shown to a model."""

    winner: str | None = Field(description="id of the hypothesis that is announced; None where nothing had a score")
    confirmed: bool = Field(description="whether the winner stood; else it is the best of those that did not")
    noisy: bool = Field(False, description="the finalists have raced: replicates went where they decide")
    direction: Direction
    finalists: tuple[Finalist, ...] = Field((), description="in the order in which the search had them")
    trouble: str = Field("", description="why it could not be made yet; a resume tries again")
    openings: tuple[str, ...] = Field(
        (),
        description="for whom what is held out was looked at; after the first it has steered a choice, and says less",
    )

    @property
    def of_winner(self) -> Finalist | None:
        """What was found of the winner."""
        return next((each for each in self.finalists if each.hypothesis == self.winner), None)

    @property
    def stepped_down(self) -> tuple[Finalist, ...]:
        """Those that the search had before the winner."""
        return tuple(each for each in self.finalists if each.stepped_down)


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
    closing: Closing | None = Field(None, description="what was found of the best when its search ended, if it was")
    rounds: int
    calls: int = Field(description="model calls that were started for it")
