"""Learning rate and batch by the size of the model, where none is given, and how large a model on disk is."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import NamedTuple

__all__ = ["SIZES", "Size", "parameters_of", "size_for"]


class Size(NamedTuple):
    """What holds for LoRA on models of up to so many parameters."""

    parameters: float
    learning_rate: float
    """Of supervised fine-tuning; other methods take a share of it."""
    batch: int
    """Rows in one optimizer step."""
    source: str


SIZES = (
    Size(3e8, 5e-4, 8, "measured here on SmolLM2-135M, docs/benchmarks.md"),
    Size(1.4e10, 2e-4, 16, "rate of QLoRA (Dettmers et al. 2023) at 7B and 13B; untried here"),
    Size(float("inf"), 1e-4, 16, "rate of QLoRA at 33B and 65B; untried here"),
)
"""By size, the smallest first."""


def size_for(parameters: float) -> Size:
    """The row of `SIZES` for a model of so many parameters."""
    return next(size for size in SIZES if parameters <= size.parameters)


def parameters_of(base: Path) -> int:
    """How many numbers the safetensors of a folder hold, by their headers alone; 0 where there are none."""
    count = 0
    for file in base.glob("*.safetensors"):
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        count += sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return count
