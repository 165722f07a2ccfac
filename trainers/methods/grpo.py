"""Group relative policy optimisation (Shao et al. 2024) with verifiers as the reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.sampling import Sampling, asked, rewards_of
from gristmill.trainers.methods.fitting.training import Setting, train_adapter

__all__ = ["GrpoMethod"]


class GrpoMethod(Sampling):
    """A `Method` on rows ``{"prompt", "specification"}``: the reward is 1 for a reply that tools verified, else 0.

    Only groups whose rewards differ teach anything: give tasks that the model solves at times.
    A reply that this machine could not judge is left out of its group. The sandboxes are those of this process
    (`GRISTMILL_SANDBOX`).
    """

    kind: Literal["grpo"] = "grpo"

    rate_share: ClassVar[float] = 0.02

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """As `Method.train`.

        Raises:
            UserError: besides, where a `specification` is no task, or none that can be judged.
        """
        method = self.settled(base)
        return train_adapter(
            method,
            rows,
            method._trainer,
            kind=self.kind,
            conversations=asked,
            base=base,
            out=out,
            adapter=adapter,
            progress=progress,
            reserved=self.answer_tokens,
        )

    def _trainer(self, setting: Setting) -> Any:
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer

        dataset, reward = rewards_of(setting.rows)
        return GRPOTrainer(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=dataset,
            reward_funcs=reward,
            args=GRPOConfig(**self.sampled(setting)),
        )
