"""What the author of a reward may read: how grade and reward went over training (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from gristmill.verifiers.trained.reward.environment import Environment
from gristmill.verifiers.trained.reward.trainer import TrainedPolicy

__all__ = ["Components", "rewards_text"]

Components = dict[str, tuple[float, float, float]]
"""Smallest, mean and largest value of each named component in one rollout."""


def rewards_text(
    environment: Environment, target: float, trained: Sequence[tuple[TrainedPolicy, Sequence[Components]]]
) -> str:
    """Of the weakest policy: grade and reward by checkpoint, each component's range, and what to make of it."""
    # The worst one says most about what to change.
    policy, components = min(trained, key=lambda each: each[0].grade)
    mean = fmean(each.grade for each, _ in trained)
    marks = policy.checkpoints
    lines = [
        f"The weakest run, at {len(marks)} checkpoints, the last one after {marks[-1].steps} steps:",
        f"  {environment.measure}: " + ", ".join(f"{mark.grade:.2f}" for mark in marks),
        "  reward of a step, mean: "
        + ", ".join(f"{mark.reward_mean:.4g}" for mark in marks)
        + f"; smallest {min(m.reward_min for m in marks):.4g}, largest {max(m.reward_max for m in marks):.4g}",
    ]
    at = [components[round(mark.steps / marks[-1].steps * len(components)) - 1] for mark in marks]
    for name in at[-1]:
        seen = [rollout[name] for rollout in at if name in rollout]
        lines.append(
            f"  component {name}, mean: {', '.join(f'{middle:.4g}' for _, middle, _ in seen)}; "
            f"smallest {min(low for low, _, _ in seen):.4g}, largest {max(high for _, _, high in seen):.4g}"
        )
    spread = max(m.reward_max for m in marks) - min(m.reward_min for m in marks)
    if spread == 0:
        lines.append("The reward is the same at every step, so it teaches nothing.")
    elif mean < target:
        flat = abs(marks[-1].reward_mean - marks[0].reward_mean) < 0.02 * spread
        if flat and max(m.grade for m in marks) > 0:
            lines.append("The mean reward hardly changed in training: the policy could not find out how to raise it.")
        else:
            lines.append(environment.advice([mark.grade for mark in marks]))
    return "\n".join(lines)
