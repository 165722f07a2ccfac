"""What the author of a loss may read: how grade and loss went over training."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from gristmill.verifiers.trained.curves import curve
from gristmill.verifiers.trained.loss.problem import Problem
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork

__all__ = ["losses_text"]

# Seeds of one loss scatter by .02.
_APART = 0.03


def losses_text(problem: Problem, target: float, trained: Sequence[TrainedNetwork]) -> str:
    """Of the weakest network: grade and loss by checkpoint, and what to make of them.

    Where seeds lie apart, the strongest network's too.
    """
    weakest = min(trained, key=lambda each: each.grade)
    strongest = max(trained, key=lambda each: each.grade)
    marks = weakest.checkpoints
    lines = [f"The weakest run, after {', '.join(str(mark.epoch) for mark in marks)} epochs:"]
    lines += _course(problem, weakest)
    apart = strongest.grade - weakest.grade > _APART
    if apart:
        lines += ["The strongest run, after as many:", *_course(problem, strongest)]
    if fmean(each.grade for each in trained) < target:
        lines.append(problem.advice([mark.grade for mark in marks]) or "")
        if apart:
            lines.append("Seeds lie apart: what is learned hangs on the split, the noise and the first weights.")
    return "\n".join(line for line in lines if line)


def _course(problem: Problem, network: TrainedNetwork) -> list[str]:
    return [
        f"  held-out {problem.measure}: {curve([mark.grade for mark in network.checkpoints])}",
        f"  mean loss on the training {'pairs' if len(problem.arguments) > 2 else problem.arguments[1]}: "
        + ", ".join(f"{mark.loss:.4g}" for mark in network.checkpoints),
    ]
