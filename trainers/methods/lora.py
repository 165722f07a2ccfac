"""What a LoRA adapter is made of here, and how a training keeps its voice down."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    from peft import LoraConfig

__all__ = ["SftConfig", "lora_config", "quiet", "threads"]


class SftConfig(Record):
    """Knobs of one supervised round."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1, description="scale of the adapter is alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1)
    learning_rate: float = Field(5e-4, gt=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    epochs: float = Field(3.0, gt=0)
    batch: int = Field(8, ge=1, description="rows in one optimizer step")
    max_tokens: int = Field(1024, ge=1, description="prompt and completion; a longer row is refused, never cut")
    threads: int | None = Field(None, ge=1, description="CPU threads; None: torch's default, the physical cores")
    seed: int = 0


def lora_config(config: SftConfig) -> LoraConfig:
    """All linear layers but the output head, as in QLoRA (Dettmers et al. 2023)."""
    from peft import LoraConfig

    return LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Give torch this many CPU threads for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, no warnings of libraries about libraries, no telemetry, for a while."""
    import datasets
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    datasets_bars = datasets.utils.logging.is_progress_bar_enabled()
    telemetry = os.environ.get("HF_HUB_DISABLE_TELEMETRY")
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if telemetry is None:
            os.environ.pop("HF_HUB_DISABLE_TELEMETRY", None)
        else:
            os.environ["HF_HUB_DISABLE_TELEMETRY"] = telemetry
        if bars:
            logging.enable_progress_bar()
        logging.set_verbosity(level)
        if datasets_bars:
            datasets.enable_progress_bars()
