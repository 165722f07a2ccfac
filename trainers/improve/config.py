"""How a model is improved."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.improve.gating.evidence import declared_level, e_threshold, ladder_level
from gristmill.trainers.methods.choices import AnyMethod
from gristmill.trainers.methods.sft import SftMethod

__all__ = ["Drawn", "ImproveConfig", "Strata"]

OUTWEIGH = 4.0
"""Times the rows of the median stratum that none has more than, where strata are looked at and nothing else is said."""


class Drawn(Record):
    """Tasks that are drawn from families instead of read from a file: fresh ones every round, for search and gate."""

    family: tuple[str, ...] = Field(
        (), description="draw tasks of this family instead of reading TASKS, fresh ones every round"
    )
    held_out_family: tuple[str, ...] = Field(
        (), description="a family that nothing is trained on and no gate looks at: in the test set only, told apart"
    )
    train_tasks: int = Field(128, ge=1, description="with --family: tasks that a round searches, over all families")
    gate_tasks: int = Field(320, ge=1, description="with --family: tasks that a round is gated on, over all families")
    test_tasks: int = Field(
        288, ge=1, description="with --family: tasks of the test set, and as many a family for those that are held out"
    )
    difficulty: int | None = Field(None, ge=1, description="with --family: of its tasks; default: the family's own")


class Strata(Record):
    """Where a round's hypotheses go after a few for each task: to strata that lack verified rows."""

    stratum_rows: int | None = Field(
        None,
        ge=0,
        description="verified rows that each stratum should have: after a few tries for each task, a round's other "
        "hypotheses go to strata with fewer; 0: every task gets the same; default: 4 with --family, else 0",
    )
    first_tries: int = Field(4, ge=1, description="with strata: hypotheses for each task before that")
    waves: int = Field(
        3, ge=1, le=20, description="with strata: in so many waves, each planned by what is lacking then"
    )
    hint_after: int = Field(
        2, ge=0, description="waves after which a stratum without any row is asked with its tasks' hints; 0: never"
    )


class ImproveConfig(Record):
    """How a model is improved. `run` is the search of one round."""

    rounds: int = Field(1, ge=1, le=100, description="rounds of run, curate, train, evaluate and gate")
    run: RunConfig = RunConfig.of(strategy="best_of", hypotheses=12, rounds=1, temperature=0.8, max_tokens=64)
    drawn: Drawn = Drawn()
    strata: Strata = Strata()
    rows: Literal["cumulative", "latest"] = Field(
        "cumulative",
        description="what a round trains on: cumulative, the rows of all rounds so far, or latest, its own",
    )
    start: Literal["base", "last"] = Field(
        "base", description="where a training starts: base, the base model, or last, the adapter that is in use"
    )
    reflections: bool = Field(
        False, description="an answer that was right after a wrong one is a row of its own, wrong, feedback, right"
    )
    curate: CurateConfig = CurateConfig()
    method: AnyMethod = Field(SftMethod(), description="how an adapter is trained")
    alpha: float = Field(0.05, gt=0, lt=1, description="an adapter is kept if p is at most this")
    gate: GateConfig = GateConfig()
    base: str | None = Field(None, description="folder of the weights to train, where it is not that of the model")

    @property
    def wanted_rows(self) -> int:
        """Verified rows that each stratum should have; 0 where strata are not looked at."""
        if self.strata.stratum_rows is None:
            return 4 if self.drawn.family else 0
        return self.strata.stratum_rows

    @property
    def curated(self) -> CurateConfig:
        """`curate` as it holds: where strata are looked at, none outweighs the median one too much."""
        if self.wanted_rows and self.curate.outweigh is None:
            return self.curate.model_copy(update={"outweigh": OUTWEIGH})
        return self.curate

    @property
    def as_drawn(self) -> Drawn:
        """`drawn` as it holds: a round of an open gate may take as many gate tasks as it is bound to."""
        return (
            self.drawn.model_copy(update={"gate_tasks": self.gate.gate_most})
            if self.gate.gate == "open"
            else self.drawn
        )

    @property
    def mode(self) -> Mode:
        """How the gate decides, as it holds."""
        return self.gate.gate or ("rounds" if self.drawn.family else "fixed")

    @property
    def level(self) -> float:
        """The greatest p at which the gate keeps an adapter in its first round; open: 1 / the e-value."""
        if self.mode == "rounds":
            return declared_level(self.alpha, self.rounds)
        if self.mode == "fixed":
            return ladder_level(self.alpha, 0, 0, self.gate.gate_step)
        return 1 / e_threshold(self.alpha, 0, 0)
