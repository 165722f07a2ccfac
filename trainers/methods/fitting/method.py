"""What every method by a trainer of TRL's is: knobs, the conversations that a row becomes, and the trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.knobs import Knobs
from gristmill.trainers.methods.fitting.shapes import conversations_of
from gristmill.trainers.methods.fitting.training import Setting, train_adapter

__all__ = ["FromPreferences", "TrlMethod"]


class TrlMethod(Knobs, ABC):
    """A `Method`, but for its `kind` and its trainer."""

    kind: str

    head: ClassVar[bool] = False
    """Whether it trains a model with one output in place of a vocabulary."""

    @property
    def reserved(self) -> int:
        """Tokens that are generated behind a row's conversations."""
        return 0

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """As `Method.train`."""
        method = self.settled(base)
        method.check()
        return train_adapter(
            method,
            rows,
            method.trainer,
            kind=self.kind,
            conversations=self.conversations,
            base=base,
            out=out,
            adapter=adapter,
            progress=progress,
            reserved=self.reserved,
            head=self.head,
        )

    def check(self) -> None:
        """Look at the settled knobs before anything is loaded.

        Raises:
            UserError: they do not go together.
        """

    def conversations(self, row: dict[str, Any]) -> Sequence[Sequence[dict[str, Any]]]:
        """What a trainer makes of a row: its lengths count."""
        return conversations_of(row, self.kind)

    @abstractmethod
    def trainer(self, setting: Setting) -> Any:
        """The trainer of TRL's."""


class FromPreferences(TrlMethod, ABC):
    """Of methods that learn from what is better and what is worse: one pass, at a tenth of the rate."""

    epochs: float = Field(1.0, gt=0, description="passes over the rows")

    rate_share: ClassVar[float] = 0.1
