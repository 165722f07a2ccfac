"""How a model is improved."""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.methods.sft import SftMethod

__all__ = ["ImproveConfig"]


class ImproveConfig(Record):
    """How a model is improved. `run` is the search of one round; training always starts at the base model."""

    rounds: int = Field(1, ge=1, le=100, description="rounds of run, curate, train, evaluate and gate")
    run: RunConfig = RunConfig.of(strategy="best_of", hypotheses=12, rounds=1, temperature=0.8, max_tokens=64)
    curate: CurateConfig = CurateConfig()
    # A second method makes this a union, told apart by `kind`.
    method: SftMethod = Field(SftMethod(), description="how an adapter is trained")
    alpha: float = Field(0.05, gt=0, lt=1, description="an adapter is kept if p is at most this")
    base: str | None = Field(None, description="folder of the weights to train, where it is not that of the model")
