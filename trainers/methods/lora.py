"""What a LoRA adapter is made of here."""

from __future__ import annotations

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["SftConfig"]


class SftConfig(Record):
    """Knobs of one supervised round."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    learning_rate: float = Field(5e-4, gt=0)
    epochs: float = Field(3.0, gt=0)
    batch: int = Field(8, ge=1, description="rows in one optimizer step")
    warmup: float = Field(0.1, ge=0, le=1, description="share of the steps")
    max_tokens: int = Field(1024, ge=1, description="a longer row is refused, never cut")
    threads: int | None = Field(None, ge=1, description="CPU threads; None: physical cores")
    seed: int = 0
