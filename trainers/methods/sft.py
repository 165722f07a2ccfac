"""Supervised fine-tuning of a LoRA adapter, from the base model, on completions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.methods.lora import SftConfig

__all__ = ["TrainedAdapter", "train_sft"]


class TrainedAdapter(Record):
    """What a training left behind."""

    path: Path
    rows: int
    refused: int = Field(0, description="rows left out because they are longer than `max_tokens`")
    loss: tuple[tuple[int, float], ...] = Field((), description="(optimizer step, training loss)")
    seconds: float


def train_sft(
    rows: Sequence[dict[str, Any]],
    *,
    base: Path,
    out: Path,
    config: SftConfig | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> TrainedAdapter:
    """Train an adapter and save it as safetensors with a ``provenance.json``.

    Args:
        rows: ``{"prompt": [messages], "completion": [messages]}``; other keys are ignored.
        base: folder of the base model.
        out: folder to make; must not exist.
        progress: called with (step, steps, loss) from the training thread.
    """
    raise NotImplementedError
