"""Training by what an environment is: numpy's PPO where steps are arrays, stable-baselines3's where a world keeps them.

Both are a `Trainer`: they call the reward once a rollout, and keep success, grade and seeds to themselves.
"""

from __future__ import annotations

from typing import Any, Protocol

from gristmill.verifiers.trained.reward import trainer
from gristmill.verifiers.trained.reward.control import process
from gristmill.verifiers.trained.reward.environment import EnvironmentSpec, PolicySettings
from gristmill.verifiers.trained.reward.trainer import RewardFunction, TrainedPolicy
from gristmill.verifiers.trained.verifier import Watch

__all__ = ["Trainer", "train_policy", "trainer_of"]


class Trainer(Protocol):
    """Trains one policy from nothing with a reward and grades it on fresh episodes."""

    def __call__(
        self,
        reward: RewardFunction,
        environment: Any,
        seed: int,
        settings: PolicySettings | None = None,
        deadline: float | None = None,
        /,
        *,
        watch: Watch | None = None,
    ) -> TrainedPolicy:
        """`settings` are the environment's own if None; past `deadline`, of `time.monotonic`, `Deadline` is raised.

        `watch` hears of the grade at each checkpoint, and may raise.
        """
        ...


def trainer_of(environment: EnvironmentSpec) -> Trainer:
    """Which one an environment needs."""
    return process.train if hasattr(environment, "make") else trainer.train


def train_policy(
    reward: RewardFunction,
    environment: EnvironmentSpec,
    seed: int,
    settings: PolicySettings | None = None,
    deadline: float | None = None,
    watch: Watch | None = None,
) -> TrainedPolicy:
    """See `Trainer`."""
    return trainer_of(environment)(reward, environment, seed, settings, deadline, watch=watch)
