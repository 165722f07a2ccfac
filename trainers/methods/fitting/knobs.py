"""The knobs that every method has, under the same names."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.methods.fitting.sizes import SIZES, parameters_of, size_for
from gristmill.trainers.methods.lora import Lora

__all__ = ["Knobs"]


class Knobs(Record):
    """What every training by gradients is told. A method adds `kind`, and what is its own."""

    lora: Lora = Lora()
    learning_rate: float | None = Field(
        None, gt=0, description="at its highest; by the model's size where none is given"
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="of the learning rate: linear, cosine or constant"
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    epochs: float = Field(3.0, gt=0, description="passes over the rows")
    batch: int | None = Field(None, ge=1, description="rows in one optimizer step; by the model's size where not given")
    max_tokens: int = Field(1024, ge=1, description="prompt and answer; a longer row is refused, never cut")
    micro_tokens: int = Field(
        768,
        ge=1,
        description="tokens of one step's rows that are in memory at once; of longer rows, layers are computed twice",
    )
    threads: int | None = Field(None, ge=1, description="of the CPU; torch's default is the physical cores")
    four_bit: bool = Field(False, description="the base model in 4 bits (QLoRA); needs CUDA and bitsandbytes")
    checkpoint_seconds: float = Field(120.0, ge=0, description="a killed training loses so much at most")
    seed: int = 0

    rate_share: ClassVar[float] = 1.0
    """Of the learning rate of supervised fine-tuning, where none is given."""

    def settled(self, base: Path) -> Self:
        """The same with the learning rate and the batch that go with the size of the model in this folder."""
        if self.learning_rate is not None and self.batch is not None:
            return self
        size = size_for(parameters_of(base))
        return self.model_copy(
            update={
                "learning_rate": self.learning_rate or size.learning_rate * self.rate_share,
                "batch": self.batch or size.batch,
            }
        )

    @property
    def step_rows(self) -> int:
        """Rows in one optimizer step."""
        return self.batch or SIZES[0].batch
