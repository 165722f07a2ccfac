"""The knobs of SER. What was published is said beside each; the rest is ours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.methods.lora import Lora

__all__ = ["SerConfig", "Status", "Training"]


class Status(Record):
    """When a pair is confident. A score is σ of a reward that is centred and calibrated on labelled pairs."""

    high: float = Field(0.55, gt=0, lt=1, description="status 1: the better one's score is above this")
    low: float = Field(0.45, gt=0, lt=1, description="status 1: the worse one's score is below this")
    margin: float = Field(0.3, gt=0, lt=1, description="status 2: the two scores are further apart than this")
    fewest: int = Field(
        4, ge=1, description="pairs that a status must add or swap, or it yields nothing; not published, ours"
    )


class Training(Record):
    """How a reward model is trained in each round."""

    learning_rate: float = Field(
        1e-4, gt=0, description="at its highest; TRL's default for reward models, called ours: published is 2e-5"
    )
    epochs: float = Field(2.0, gt=0, description="passes over the labelled pairs, in the first training; as published")
    later_epochs: float = Field(5.0, gt=0, description="passes in each later training, which goes on; as published")
    batch: int = Field(8, ge=1, description="pairs in one optimizer step")
    max_tokens: int = Field(512, ge=8, description="prompt and response; a longer pair is left out, and counted")
    micro_tokens: int = Field(2048, ge=1, description="tokens of one step's pairs that are in memory at once")
    centre: float = Field(0.01, ge=0, description="of the loss that keeps a pair's mean reward at 0; TRL's default")
    lora: Lora = Lora(rank=8, alpha=32, dropout=0.1)


class SerConfig(Record):
    """Everything that decides what comes out, beside the pairs and the base model."""

    share: float = Field(0.15, gt=0, le=1, description="of the labels that may be seen; the rest is hidden")
    noise: float = Field(0.0, ge=0, lt=1, description="share of the seen labels that are turned round, for trials")
    held_out: float = Field(0.2, gt=0, lt=1, description="share of the labelled prompts that the end is measured on")
    calibrating: float = Field(
        0.25, gt=0, lt=1, description="share of the seen labels that centre and calibrate, and are not trained on; ours"
    )
    rounds: int = Field(6, ge=0, description="times that the model may label the pool; 0 trains on the labels alone")
    filter: Literal["confident", "random", "none"] = Field(
        "confident", description="confident (the two statuses), random (as many, drawn) or none (all), for trials"
    )
    fall: float = Field(
        0.02, ge=0, description="it does not go on where confidence rises and accuracy falls by more; ours"
    )
    cached_layers: int | None = Field(
        None, ge=1, description="lower layers that stay as they are, run once and are cached; without, all are trained"
    )
    status: Status = Status()
    training: Training = Training()
    seed: int = 0
