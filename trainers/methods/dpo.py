"""Direct preference optimisation on verified against refuted replies to one prompt, beside a supervised term."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gristmill.trainers.methods.fitting.method import FromPreferences
from gristmill.trainers.methods.fitting.training import Setting

__all__ = ["DpoMethod"]


class DpoMethod(FromPreferences):
    """A `Method` on rows ``{"prompt", "chosen", "rejected"}``, each a list of messages.

    The reference is the model that the training starts from: the base model, or the adapter that it goes on from.
    """

    kind: Literal["dpo"] = "dpo"
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the reference")
    sft_weight: float = Field(
        1.0, ge=0, description="of the loss of SFT on what is chosen, which keeps it from growing less likely"
    )

    def trainer(self, setting: Setting) -> Any:
        """TRL's for pairs."""
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
