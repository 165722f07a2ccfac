"""What candidates of a search are compared with: functions known by hand, and the metric's own increment as a control.

They get the very trainings that candidates get, by the same secret. The control is no candidate, and no model could
write it: it pays for what the metric itself gains in a step. What beats it does more than copy the metric.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gristmill.verifiers.records import Seeds, Task
from gristmill.verifiers.trained.reward.environment import Ended, Environment, Floats
from gristmill.verifiers.trained.verifier import TRAINER_SECONDS, seeds_of

__all__ = ["baseline_programs", "control", "equal_steps", "metric_increment"]


def baseline_programs(task: Task) -> dict[str, str]:
    """The programs of a task's baselines by name.

    Raises:
        UserError: its environment or problem cannot be had.
    """
    if task.kind == "reward":
        from gristmill.verifiers.trained.reward.environments import environment_spec

        return dict(environment_spec(task.environment).baselines)
    from gristmill.verifiers.trained.loss.problems import problem_of

    return dict(problem_of(task).baselines)


def equal_steps(task: Task) -> str:
    """What every training of a task takes, in words."""
    if task.kind == "reward":
        from gristmill.verifiers.trained.reward.environments import environment_spec

        return f"{environment_spec(task.environment).training.steps:,} steps"
    from gristmill.verifiers.trained.loss.problems import problem_of

    return f"{problem_of(task).training.epochs} epochs"


async def control(task: Task, secret: bytes, seeds: Seeds) -> list[tuple[float, float | None]] | None:
    """Score and success rate of each training with the metric's own increment; None where there is none.

    There is none for losses, and where what is observed does not say how far a state is.
    """
    if task.kind != "reward":
        return None
    from gristmill.verifiers.trained.reward.environments import environment, environment_spec
    from gristmill.verifiers.trained.reward.verifier import RewardTraining

    if hasattr(environment_spec(task.environment), "make"):  # gymnasium keeps its states
        return None
    world = environment(task.environment)
    increment = metric_increment(world)
    if increment is None:
        return None
    training = RewardTraining(world, "control/1")
    found = []
    for seed in seeds_of(task, secret, seeds):
        deadline = time.monotonic() + TRAINER_SECONDS
        score, (policy, _) = await asyncio.to_thread(training.train, increment, seed, deadline)
        found.append((score, policy.success))
    return found


def metric_increment(world: Environment) -> Callable[..., Any] | None:
    """What a step adds to the metric, in the environment's own measure; None where an observation does not tell it.

    Where grades go by the mean of what was reached after each step that is what is reached, else by how much nearer.
    """
    columns, states = len(world.observation), world.reset(np.random.default_rng(0), 16)

    def reached(observed: Floats) -> Floats:
        hidden = np.full((len(observed), states.shape[1] - columns), np.nan)
        return world.progress(np.concatenate([observed, hidden], axis=1))

    if not np.allclose(reached(states[:, :columns]), world.progress(states)):
        return None
    by_mean = not np.array_equal(_graded(world, states, 0.2), _graded(world, states, 0.8))

    def increment(obs: Floats, action: Any, next_obs: Floats, info: dict[str, Any]) -> Floats:
        return reached(next_obs) if by_mean else reached(next_obs) - reached(obs)

    return increment


def _graded(world: Environment, states: Floats, mean: float) -> Floats:
    """Grades of episodes that have not succeeded, and were so far in the mean."""
    count = len(states)
    steps = np.full(count, world.episode_steps)
    return world.grade(Ended(states, np.zeros(count, dtype=bool), steps, np.full(count, mean), np.full(count, 0.9)))
