"""KTO (Ethayarajh et al. 2024): replies that are wanted or not, without pairs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.fitting.method import FromPreferences
from gristmill.trainers.methods.fitting.training import Setting

__all__ = ["KtoMethod"]


class KtoMethod(FromPreferences):
    """A `Method` on rows ``{"prompt", "completion", "label"}``; `label` is true where the reply was verified.

    Of both labels there must be some (else UserError); the rarer one weighs as much as the other in sum. The divergence
    from the reference is estimated within a micro-batch, so that, other than elsewhere, its size matters: 2 rows at
    least.
    """

    kind: Literal["kto"] = "kto"
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the reference")

    def check(self) -> None:
        """Two rows a step.

        Raises:
            UserError: there is one.
        """
        if self.step_rows < 2:
            raise UserError("batch: KTO compares the rows of a step, 2 at least")

    def trainer(self, setting: Setting) -> Any:
        """TRL's for labels.

        Raises:
            UserError: all rows have one label.
        """
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
