"""What a LoRA adapter is made of here, and how a training keeps its voice down."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field

from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    from peft import LoraConfig

__all__ = ["Lora", "quiet", "threads"]


class Lora(Record):
    """The shape of an adapter: all linear layers but the output head, as in QLoRA (Dettmers et al. 2023)."""

    rank: int = Field(16, ge=1, description="of the LoRA adapter")
    alpha: int = Field(32, ge=1, description="scale of the adapter is alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the adapter's input while it is trained")

    def peft(self, *, head: bool = False) -> LoraConfig:
        """The same in PEFT's words; with `head`, a new head of one output is trained and saved beside it."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules="all-linear",
            task_type="SEQ_CLS" if head else "CAUSAL_LM",
            modules_to_save=["score"] if head else None,
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
