"""What an improvement writes down: shares with intervals, rounds, and the whole."""

from __future__ import annotations

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["ComparedAnswers", "GateSummary", "Improvement", "RoundSummary", "SealedSet", "Share", "WaveSummary"]


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
    gate: str = Field("rounds", description="how it was decided: rounds, open or fixed")
    e_value: float | None = Field(None, description="open: evidence for the new adapter")
    queries: int | None = Field(None, description="fixed: how often the gate set was asked before")
    guards: tuple[tuple[str, bool, str], ...] = Field((), description="(what must not get worse, held, in words)")


class WaveSummary(Record):
    """Tries that went to strata which lacked verified rows."""

    strata: int = Field(description="strata that it was for")
    tasks: int
    hinted: int = Field(0, description="tasks that were asked with their hint")
    tries: int = Field(description="hypotheses a task")
    hypotheses: int
    verified: int
    solved: int


class SealedSet(Record):
    """A set of tasks that was fixed before anything began, by the sha256 of its key, and opened later."""

    part: str
    sha256: str
    key: str | None = Field(None, description="in hex; None where it was not opened")


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
    test: Share | None = Field(
        None, description="the round's adapter on the test set, kept or not; asked after the end"
    )
    families: tuple[tuple[str, int, int], ...] = Field(
        (), description="(family, passed, tasks) of the round's adapter on the test set"
    )
    waves: tuple[WaveSummary, ...] = Field((), description="the part of its hypotheses that went where rows lacked")
    coverage: dict[str, int] = Field({}, description="rows by stratum, those without any included")
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
    families: tuple[tuple[str, int, int], ...] = Field(
        (), description="(family, passed, tasks) of the base model on the test set"
    )
    held_out_families: tuple[str, ...] = Field((), description="families that no round trained on")
    sealed: tuple[SealedSet, ...] = Field((), description="sets that were drawn by keys which were kept back")
    accept: str = Field("verified", description="what counted as a pass in searches, rows and evaluations")
    strengths: tuple[tuple[str, int, int], ...] = Field(
        (), description="(strength, passes before, after) on the test split"
    )
    adapter: str | None = Field(None, description="path of the adapter in use at the end; None is the base model")
    examples: tuple[ComparedAnswers, ...] = ()
    seconds: dict[str, float] = Field({}, description="wall time by stage over all rounds")
    tokens: int = 0
