"""What an improvement writes down: shares with intervals, rounds, and the whole."""

from __future__ import annotations

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["ComparedAnswers", "GateSummary", "Improvement", "RoundSummary", "Share"]


class Share(Record):
    """A share of tasks passed, with its 95% Wilson interval. `unscored` tasks are in neither number."""

    passed: float = Field(description="tasks passed; a fraction where several replies a task were averaged")
    total: int
    low: float
    high: float
    unscored: int = 0

    @property
    def rate(self) -> float:
        """passed / total, and 0 where nothing could be scored."""
        return self.passed / self.total if self.total else 0.0


class GateSummary(Record):
    """Why an adapter was kept or not."""

    kept: bool
    reason: str
    before: Share
    after: Share
    delta: float = Field(description="difference of the shares, after minus before")
    low: float
    high: float
    p_value: float
    strengths: tuple[tuple[str, int, int], ...] = Field((), description="(strength, passes before, after)")


class RoundSummary(Record):
    """One turn of the mill."""

    round: int
    run: str
    hypotheses: int
    unscored: int = 0
    verified: int
    unverified: dict[str, int] = Field({}, description="hypotheses that passed and are not verified, by strength")
    tasks: int
    solved: int
    rows: int = Field(description="rows that the adapter was trained on")
    weaker_rows: dict[str, int] = Field({}, description="rows that passed and are not verified, by strength")
    dropped: dict[str, int] = Field({}, description="candidates for the dataset that were left out, by reason")
    tokens: int = Field(description="prompt and completion tokens of the campaign")
    adapter: str | None = Field(
        None, description="path of the adapter trained in this round; None if there was nothing to train on"
    )
    dataset: str | None = None
    loss: tuple[tuple[int, float], ...] = Field((), description="(optimizer step, training loss)")
    gate: GateSummary | None = None
    seconds: dict[str, float] = Field({}, description="wall time by stage")

    @property
    def verified_share(self) -> float:
        """Verified hypotheses among those that could be scored."""
        scored = self.hypotheses - self.unscored
        return self.verified / scored if scored else 0.0


class ComparedAnswers(Record):
    """A held-out task and what the model answered before and after, for the report."""

    task: str
    prompt: str
    before: str
    after: str
    before_passed: bool
    after_passed: bool


class Improvement(Record):
    """A finished improvement; what the report is drawn from."""

    name: str
    model: str
    seed: int
    splits: dict[str, int] = Field(description="tasks by split")
    test_before: Share
    test_after: Share
    test_combinations: int = Field(0, description="held-out combinations among the test tasks, by their combo: tags")
    groups: tuple[tuple[str, int, int, int], ...] = Field(
        (), description="(combination, passed before, passed after, tasks) on the test split"
    )
    rounds: tuple[RoundSummary, ...]
    accept: str = Field("verified", description="what counted as a pass in searches, rows and evaluations")
    strengths: tuple[tuple[str, int, int], ...] = Field(
        (), description="(strength, passes before, after) on the test split"
    )
    adapter: str | None = Field(None, description="path of the adapter in use at the end; None is the base model")
    examples: tuple[ComparedAnswers, ...] = ()
    seconds: dict[str, float] = Field({}, description="wall time by stage over all rounds")
    tokens: int = 0
