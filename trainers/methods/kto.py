"""KTO (Ethayarajh et al. 2024): replies that are wanted or not, without pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.knobs import Knobs
from gristmill.trainers.methods.fitting.shapes import turns_of
from gristmill.trainers.methods.fitting.training import Setting, train_adapter

__all__ = ["KtoMethod"]


class KtoMethod(Knobs):
    """A `Method` on rows ``{"prompt", "completion", "label"}``; `label` is true where the reply was verified.

    Of both labels there must be some; the rarer one weighs as much as the other in sum. The divergence from the
    reference is estimated within a micro-batch, so that, other than elsewhere, its size matters: 2 rows at least.
    """

    kind: Literal["kto"] = "kto"
    epochs: float = Field(1.0, gt=0, description="passes over the rows")
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the reference")

    rate_share: ClassVar[float] = 0.1

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """As `Method.train`.

        Raises:
            UserError: besides, where all rows have one label, or `batch` is 1.
        """
        method = self.settled(base)
        if method.step_rows < 2:
            raise UserError("batch: KTO compares the rows of a step, 2 at least")
        return train_adapter(
            method,
            rows,
            method._trainer,
            kind=self.kind,
            conversations=turns_of("completion"),
            base=base,
            out=out,
            adapter=adapter,
            progress=progress,
        )

    def _trainer(self, setting: Setting) -> Any:
        from trl.trainer.kto_config import KTOConfig
        from trl.trainer.kto_trainer import KTOTrainer

        good = sum(bool(row["label"]) for row in setting.rows)
        bad = len(setting.rows) - good
        if not good or not bad:
            raise UserError(f"KTO needs rows of both labels: there are {good} with `label` true and {bad} with false")
        return KTOTrainer(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=setting.dataset("prompt", "completion", "label"),
            args=KTOConfig(
                **setting.arguments,
                # Each row is read a second time behind another's prompt.
                **setting.batches(self.step_rows, self.micro_tokens, sequences=2, least=2),
                max_length=None,
                beta=self.beta,
                desirable_weight=max(1.0, bad / good),
                undesirable_weight=max(1.0, good / bad),
            ),
        )
