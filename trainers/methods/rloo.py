"""REINFORCE with the other replies of a group as baseline (Ahmadian et al. 2024), verifiers as the reward."""

from __future__ import annotations

from typing import Any, Literal

from gristmill.trainers.methods.fitting.sampling import Sampling

__all__ = ["RlooMethod"]


class RlooMethod(Sampling):
    """A `Method` on rows ``{"prompt", "specification"}``, see `Sampling`: the baseline is the group without it."""

    kind: Literal["rloo"] = "rloo"

    def of_trl(self) -> tuple[Any, Any]:
        """TRL's trainer and its configuration."""
        from trl.trainer.rloo_config import RLOOConfig
        from trl.trainer.rloo_trainer import RLOOTrainer

        return RLOOTrainer, RLOOConfig
