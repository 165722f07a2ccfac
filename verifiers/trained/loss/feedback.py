"""What the author of a loss may read: how grade and loss went over training."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from gristmill.verifiers.trained.loss.problem import Problem
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork

__all__ = ["losses_text"]


def losses_text(problem: Problem, target: float, trained: Sequence[TrainedNetwork]) -> str:
    """Of the weakest network: grade and loss by checkpoint, and what to make of them."""
    weakest = min(trained, key=lambda each: each.grade)
    marks = weakest.checkpoints
    lines = [
        f"The weakest run, after {', '.join(str(mark.epoch) for mark in marks)} epochs:",
        f"  held-out {problem.measure}: " + ", ".join(f"{mark.grade:.3f}" for mark in marks),
        f"  mean loss on the training {problem.arguments[1]}: " + ", ".join(f"{mark.loss:.4g}" for mark in marks),
    ]
    if fmean(each.grade for each in trained) < target:
        lines.append(problem.advice([mark.grade for mark in marks]) or "")
    return "\n".join(lines).rstrip()
