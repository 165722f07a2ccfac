"""What a method of training is: rows and base weights in, an adapter out.

A method is a record of its knobs that can `train`. A configuration holds one of them, told apart by `kind`, so that a
new method is a new record and nothing that trains has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["Method", "Rows", "Steps", "TrainedAdapter"]

Rows = Sequence[dict[str, Any]]
Steps = Callable[[int, int, float], None]
"""Hears (step, steps, loss) from the training thread."""


class TrainedAdapter(Record):
    """What a training left behind."""

    path: Path
    rows: int = Field(description="rows that were trained on")
    refused: int = Field(0, description="rows left out because they are longer than `max_tokens`")
    loss: tuple[tuple[int, float], ...] = Field((), description="(optimizer step, mean loss of the step's tokens)")
    seconds: float


class Method(Protocol):
    """One way to learn from rows."""

    @property
    def kind(self) -> str:
        """The method's name: in configurations, and in the provenance of what it trains."""
        ...

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """Train an adapter and save it, by `gristmill.trainers.methods.saving`.

        The base model's files are only read. The adapter appears at `out` whole or not at all.
        A training that was killed goes on at its last checkpoint where the same is asked again.

        Args:
            rows: in the shape that the method reads; keys that it does not know are ignored.
            base: folder of the base model, in Hugging Face's format.
            out: folder to make; it must not exist, or be empty.
            progress: hears each optimizer step.
            adapter: one to go on from, whose shape holds; None begins a new one. It is only read.

        Raises:
            UserError: `out` is taken, no row can be trained on, or `adapter` is none.
        """
        ...
