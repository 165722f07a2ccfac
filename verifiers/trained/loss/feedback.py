"""What the author of a loss may read: how accuracy and loss went over training."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.verifiers.trained.loss.trainer import Settings, TrainedNetwork

__all__ = ["losses_text"]


def losses_text(target: float, runs: Sequence[TrainedNetwork]) -> str:
    """What the author of a loss may read: accuracies, and how accuracy and loss went over the weakest training."""
    accuracies = [run.accuracy for run in runs]
    mean = sum(accuracies) / len(accuracies)
    weakest = min(runs, key=lambda run: run.accuracy)
    marks = weakest.checkpoints
    best = max(marks, key=lambda mark: mark.accuracy)
    lines = [
        f"Networks trained with this loss, {Settings().noise:.0%} of their training labels being wrong, answer "
        f"{mean:.3f} of held-out images right (mean of {len(runs)} seeds: "
        f"{', '.join(f'{accuracy:.3f}' for accuracy in accuracies)}); the target of {target:.2f} is "
        f"{'reached' if mean >= target else 'not reached'}.",
        f"The weakest run, after {', '.join(str(mark.epoch) for mark in marks)} epochs:",
        "  held-out accuracy: " + ", ".join(f"{mark.accuracy:.3f}" for mark in marks),
        "  mean loss on the training labels: " + ", ".join(f"{mark.loss:.4g}" for mark in marks),
    ]
    if mean < target and best.accuracy < 0.3:
        lines.append("It hardly learns: the gradient must raise the score of the labelled class.")
    elif mean < target and best.accuracy > weakest.accuracy + 0.02:
        lines.append(
            "Accuracy falls while the loss goes on falling: wrong labels are being learned by heart. Pull less on "
            "examples whose label the network finds very unlikely."
        )
    elif mean < target and marks[-1].accuracy > marks[0].accuracy + 0.02:
        lines.append("Accuracy is still rising at the end: the gradient is too weak, for some classes or altogether.")
    return "\n".join(lines)
