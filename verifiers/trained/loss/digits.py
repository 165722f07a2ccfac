"""Handwritten digits with labels of which a known share is wrong.

Needs the extra ``gristmill[losses]``; scikit-learn is imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.curves import rising
from gristmill.verifiers.trained.loss.baselines.programs import program
from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings, Split

__all__ = ["CLASSES", "DigitsLabelNoise"]

CLASSES = 10

_HELD_OUT = 0.25
_HELD_OUT_OF_SPLIT = 0.15
_HIDDEN = 128
# At the usual noise, measured by benchmarks/known_functions.py.
_KNOWN = {
    "cross entropy": 0.85,
    "mean absolute error": 0.91,
    "generalised cross entropy": 0.93,
    "symmetric cross entropy": 0.95,
}
_ENDS = " and ends at about .85 on clean held-out images"
# Digits that look alike, Patrini et al. 2017.
_ALIKE = {2: 7, 3: 8, 5: 6, 6: 5, 7: 1}


class DigitsLabelNoise:
    """See `gristmill.verifiers.trained.loss.problem.Problem`; the score is the accuracy on clean held-out images.

    1 797 images of 8×8 pixels, scaled to [0, 1]. `noise` is the share of training labels that are wrong, replaced by
    any other digit or, if `asymmetric`, by one that looks alike.
    """

    name = "digits_label_noise"
    arguments = ("logits", "labels")
    received = (
        "logits is a float tensor of shape (n, 10), labels an integer tensor of shape (n,) that holds the noisy labels"
    )
    model = "The network has two hidden layers of 128"
    outputs = CLASSES
    measure = "accuracy"
    grading = "its accuracy on clean held-out images"
    training = NetworkSettings()
    baselines = {"human": program("sce"), "usual": program("ce")}

    def __init__(self, noise: float = 0.4, asymmetric: bool = False) -> None:
        if type(noise) not in (int, float) or not 0 <= noise < 0.9:
            raise UserError(f"settings.noise: a share from 0 to below .9, not {noise!r}")
        if type(asymmetric) is not bool:
            raise UserError(f"settings.asymmetric: true or false, not {asymmetric!r}")
        self.noise, self.asymmetric = noise, asymmetric
        usual = (noise, asymmetric) == (0.4, False)
        how = (
            "of the training labels of some digits are wrong: a 2 became a 7, a 3 an 8, a 7 a 1, a 5 a 6 and a 6 a 5"
            if asymmetric
            else "of its training labels are wrong: each of those was replaced by another digit at random"
        )
        self.story = (
            f"A small network learns to read handwritten digits from 8x8 pixels, but {noise:.0%} {how}. With cross "
            f"entropy it learns the wrong labels by heart{_ENDS if usual else ''}."
        )
        self.known: dict[str, float] = _KNOWN if usual else {}

    def data(self, generator: np.random.Generator) -> Data:
        """Three in four are learned from, one in four is held out."""
        images, labels = _digits()
        order = generator.permutation(len(labels))
        images, labels = images[order], labels[order]
        held = round(len(labels) * _HELD_OUT)
        return Data(images[held:], labels[held:], images[:held], labels[:held])

    def part(self, generator: np.random.Generator, split: Split, cut: int) -> Data:
        """In each split 270 images are held out and 1 257 learned from, so that scores of splits compare.

        Those held out in the final split and in the selection are the same for every generator; a search draws its own
        from the rest.
        """
        images, labels = _digits()
        order = np.random.default_rng(cut).permutation(len(labels))
        held = round(len(labels) * _HELD_OUT_OF_SPLIT)
        final, selection, rest = order[:held], order[held : 2 * held], order[2 * held :]
        rest = generator.permutation(rest)
        if split == "search":
            tested, learned = rest[:held], np.concatenate((selection, rest[held:]))
        elif split == "selection":
            tested, learned = selection, rest
        else:
            tested, learned = final, generator.permutation(np.concatenate((selection, rest)))[: len(rest)]
        return Data(images[learned], labels[learned], images[tested], labels[tested])

    def spoiled(self, targets: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """Labels of which exactly the share was replaced by another class, each of the nine alike (symmetric noise).

        Asymmetric noise: of each class that another one looks like, that share became the other one.
        """
        if self.asymmetric:
            noisy = targets.copy()
            for label, other in _ALIKE.items():
                own = generator.permutation(np.flatnonzero(targets == label))
                noisy[own[: round(self.noise * len(own))]] = other
            return noisy
        wrong = generator.permutation(len(targets))[: round(self.noise * len(targets))]
        noisy = targets.copy()
        noisy[wrong] = (targets[wrong] + generator.integers(1, CLASSES, len(wrong))) % CLASSES
        return noisy

    def network(self, torch: ModuleType) -> Any:
        """64 → 128 → 128 → 10 with ReLU."""
        nn = torch.nn
        middle = (nn.Linear(64, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU())
        return nn.Sequential(*middle, nn.Linear(_HIDDEN, CLASSES))

    def grade(self, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
        """The share of images whose greatest logit is their label's."""
        return float((outputs.argmax(axis=1) == targets).mean())

    def advice(self, grades: Sequence[float]) -> str | None:
        """Whether nothing was learned, the wrong labels were, too little, or neither."""
        if max(grades) < 0.3:
            return "It hardly learns: the gradient must raise the score of the labelled class."
        if max(grades) > grades[-1] + 0.02:
            return (
                "Accuracy falls while the loss goes on falling: wrong labels are being learned by heart. Pull less on "
                "examples whose label the network finds very unlikely."
            )
        if rising(grades, 0.01):
            return "Accuracy is still rising at the end: the gradient is too weak, for some classes or altogether."
        return (
            "Accuracy has come to rest below the target: neither are the wrong labels learned by heart nor would more "
            "training help. Change how hard examples pull that the network finds unlikely, not how hard all of them do."
        )


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UserError("tasks of kind loss need scikit-learn: pip install 'gristmill[losses]'") from None
    images, labels = load_digits(return_X_y=True)
    return (images / 16.0).astype(np.float32), labels.astype(np.int64)
