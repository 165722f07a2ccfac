"""Group relative policy optimisation (Shao et al. 2024) with verifiers as the reward."""

from __future__ import annotations

from typing import Any, Literal

from gristmill.trainers.methods.fitting.sampling import Sampling

__all__ = ["GrpoMethod"]


class GrpoMethod(Sampling):
    """A `Method` on rows ``{"prompt", "specification"}``, see `Sampling`: rewards are told apart within their group."""

    kind: Literal["grpo"] = "grpo"

    def of_trl(self) -> tuple[Any, Any]:
        """TRL's trainer and its configuration."""
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer

        return GRPOTrainer, GRPOConfig
