"""Direct preference optimisation on verified against refuted replies to one prompt, beside a supervised term."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.knobs import Knobs
from gristmill.trainers.methods.fitting.shapes import turns_of
from gristmill.trainers.methods.fitting.training import Setting, train_adapter

__all__ = ["DpoMethod"]


class DpoMethod(Knobs):
    """A `Method` on rows ``{"prompt", "chosen", "rejected"}``, each a list of messages.

    The reference is the model that the training starts from: the base model, or the adapter that it goes on from.
    """

    kind: Literal["dpo"] = "dpo"
    epochs: float = Field(1.0, gt=0, description="passes over the rows")
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the reference")
    sft_weight: float = Field(
        1.0, ge=0, description="of the loss of SFT on what is chosen, which keeps it from growing less likely"
    )

    rate_share: ClassVar[float] = 0.1

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """As `Method.train`."""
        method = self.settled(base)
        return train_adapter(
            method,
            rows,
            method._trainer,
            kind=self.kind,
            conversations=turns_of("chosen", "rejected"),
            base=base,
            out=out,
            adapter=adapter,
            progress=progress,
        )

    def _trainer(self, setting: Setting) -> Any:
        from trl.trainer.dpo_config import DPOConfig
        from trl.trainer.dpo_trainer import DPOTrainer

        with_sft = self.sft_weight > 0
        return DPOTrainer(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=setting.dataset("prompt", "chosen", "rejected"),
            args=DPOConfig(
                **setting.arguments,
                **setting.batches(self.step_rows, self.micro_tokens, sequences=2),
                max_length=None,
                beta=self.beta,
                loss_type=["sigmoid", "sft"] if with_sft else ["sigmoid"],
                loss_weights=[1.0, self.sft_weight] if with_sft else [1.0],
            ),
        )
