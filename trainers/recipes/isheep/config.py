"""How I-SHEEP is run. What the paper has published is said to be published; every other default is ours."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from gristmill.graph.config import RunConfig
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.config import Drawn, ImproveConfig
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.methods.sft import SftMethod

__all__ = ["Bands", "Filter", "Filtering", "IsheepConfig", "Measuring", "Synthesis"]

Filter = Literal["none", "heuristics", "self", "tool", "self and tool"]


class Synthesis(Record):
    """What the model writes."""

    prompts: int = Field(200, ge=1, description="prompts asked for in an iteration; published: 10000, default ours")
    shots: int = Field(4, ge=1, le=20, description="seed instructions in the prompt for a new one; ours")
    told: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of new prompts that get a constraint which a tool checks; ours, the paper has none",
    )
    follow_ups: float = Field(
        0.0, ge=0, le=1, description="share of the answered prompts that get a second user turn; ours, the paper has 0"
    )


class Filtering(Record):
    """Which pairs of prompt and reply are learned."""

    filter: Filter = Field(
        "self and tool",
        description="none; heuristics; self: heuristics and the model's own scores, as published; tool: heuristics, "
        "and a tool passes it; self and tool: the scores, and the tool wherever it can decide",
    )
    quality: float = Field(8, ge=0, le=10, description="self: of 10, the score of quality must be above; published")
    following: float = Field(
        8, ge=0, le=10, description="self: of 10, the score of instruction following must be above; published"
    )
    least_words: int = Field(3, ge=0, description="heuristics: words of a reply at least; ours")
    most_words: int = Field(400, ge=1, description="heuristics: words of a reply at most; ours")
    repeated: float = Field(
        0.5, gt=0, le=1, description="heuristics: greatest share of a reply's runs of three words that come again; ours"
    )
    language: str = Field(
        "en", description="heuristics: of prompts without a demand for another, by langdetect; any: not looked at; ours"
    )
    likeness: float = Field(
        0.8, gt=0, le=1, description="heuristics: from which on two pairs are near duplicates, by MinHash; ours"
    )
    assess: bool = Field(
        True, description="have the model score its pairs even where the filter does not ask for it, to compare"
    )


class Measuring(Record):
    """What is measured, on fresh prompts of our own whose constraints a tool checks."""

    gate_prompts: int = Field(160, ge=1, description="fresh ones that an iteration is gated on; ours")
    test_prompts: int = Field(
        150, ge=1, description="that the end is reported on, and as many with constraints that no training sees; ours"
    )
    two_turn_prompts: int = Field(0, ge=0, description="conversations of two turns in the test set; ours")
    mtbench: int = Field(
        0, ge=0, le=80, description="questions of MT-Bench, of two turns each, that --judge scores; all are 80"
    )
    judge: str | None = Field(
        None, description="the model that scores MT-Bench's answers, as --model names one: its word, no verdict"
    )
    mtbench_tokens: int = Field(1024, ge=1, description="of an answer to MT-Bench at most; published")
    ifeval: int = Field(0, ge=0, description="prompts of IFEval asked of the base model and of the last adapter")
    ifeval_file: str | None = Field(None, description="IFEval's file; none: from the hub")
    draw_key: str | None = Field(
        None,
        min_length=1,
        description="draw gate and test by this text, not by a secret of the run: alike in runs that are compared",
    )
    probe: bool = Field(False, description="ask paired prompts that differ in a name or a group, at each iteration")

    @model_validator(mode="after")
    def _somebody_scores(self) -> Self:
        if bool(self.mtbench) != bool(self.judge):
            raise ValueError("mtbench says how many questions, and judge which model scores them: give both")
        return self


class Bands(Record):
    """Where what drifts must stay: one that leaves its band is told as an event. All are ours."""

    length_band: float = Field(2.0, gt=1, description="mean words of a reply: times the base model's, either way")
    distinct_band: float = Field(0.6, gt=0, le=1, description="distinct-2 at least, as a share of the base model's")
    refusal_band: float = Field(0.1, ge=0, le=1, description="rise of the share of refusals at most")
    language_band: float = Field(0.1, ge=0, le=1, description="fall of the share of replies in English at most")
    topics_band: float = Field(
        0.25,
        ge=0,
        le=1,
        description="fall of the entropy of topics at most, in parts of the greatest; from the first iteration's",
    )
    fairness_band: float = Field(
        0.2, ge=0, description="of the probe: difference between groups at most, if its interval is clear of zero"
    )


class IsheepConfig(Record):
    """How I-SHEEP is run. `run` says which model is asked and how a reply is drawn."""

    iterations: int = Field(3, ge=1, le=100, description="rounds at most; published: 5 for 72B, 2 for 1.8B to 14B")
    patience: int = Field(1, ge=1, description="iterations in a row that the gate keeps none of, before it stops; ours")
    rows: Literal["latest", "cumulative"] = Field(
        "latest", description="what is trained on: latest, the iteration's own rows, as published, or cumulative"
    )
    start: Literal["base", "last"] = Field(
        "base", description="where a training starts: base, as published, or last, continued from the one in use"
    )
    goes_on: Literal["kept", "newest"] = Field(
        "kept", description="what writes the next iteration: kept by the gate (ours), or newest, as published"
    )
    synthesis: Synthesis = Synthesis()
    filtering: Filtering = Filtering()
    measuring: Measuring = Measuring()
    bands: Bands = Bands()
    run: RunConfig = RunConfig.of(strategy="best_of", hypotheses=1, rounds=1, temperature=0.8, max_tokens=96)
    method: SftMethod = SftMethod()
    alpha: float = Field(0.05, gt=0, lt=1, description="an adapter is kept if p is at most this, over all iterations")
    gate: GateConfig = GateConfig(gate="rounds")
    base: str | None = Field(None, description="folder of the weights to train, where it is not that of the model")

    @property
    def improving(self) -> ImproveConfig:
        """The same in the words of `improve`, whose stages train, evaluate and gate."""
        return ImproveConfig(
            rounds=self.iterations,
            run=self.run,
            drawn=Drawn(
                family=("told-instructions",),
                held_out_family=("told-instructions-held-out",),
                train_tasks=1,
                gate_tasks=self.measuring.gate_prompts,
                test_tasks=self.measuring.test_prompts,
            ),
            rows=self.rows,
            start=self.start,
            alpha=self.alpha,
            gate=self.gate,
            base=self.base,
        ).model_copy(update={"method": self.method})

    @property
    def assessed(self) -> bool:
        """Whether the model scores its own pairs."""
        return self.filtering.assess or "self" in self.filtering.filter
