"""What the author of a reward may read: how success and reward went over training (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.verifiers.trained.reward.trainer import TrainedPolicy

__all__ = ["Components", "rewards_text"]

Components = dict[str, tuple[float, float, float]]
"""Smallest, mean and largest value of each named component in one rollout."""


def rewards_text(target: float, runs: Sequence[tuple[TrainedPolicy, Sequence[Components]]]) -> str:
    """The success rate, then of a middling run: success and reward by checkpoint, and each component's range."""
    rates = [training.success_rate for training, _ in runs]
    mean = sum(rates) / len(rates)
    each = ", ".join(f"{rate:.2f}" for rate in rates)
    verdict = "reached" if mean >= target else "not reached"
    # The worst run says most about what to change.
    training, components = min(runs, key=lambda run: run[0].success_rate)
    marks = training.checkpoints
    lines = [
        f"Policies trained with this reward reach the goal in {mean:.2f} of fresh episodes "
        f"(mean of {len(rates)} seeds: {each}); the target of {target:.2f} is {verdict}.",
        f"The weakest run, at {len(marks)} checkpoints, the last one after {marks[-1].steps} steps:",
        "  success rate: " + ", ".join(f"{mark.success_rate:.2f}" for mark in marks),
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
    elif mean < target and max(m.success_rate for m in marks) == 0:
        lines.append("The goal was never reached: the reward must point the way long before the goal is first seen.")
    elif mean < target and abs(marks[-1].reward_mean - marks[0].reward_mean) < 0.02 * spread:
        lines.append("The mean reward hardly changed in training: the policy could not find out how to raise it.")
    elif mean < target:
        lines.append("The policy did raise this reward, but that is not the same as reaching the goal more often.")
    return "\n".join(lines)
