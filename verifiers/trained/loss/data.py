"""The judge's problem for losses: scikit-learn's digits with labels of which a known share is wrong.

Needs the extra ``gristmill[losses]``; scikit-learn is imported on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError

__all__ = ["CLASSES", "Digits", "digits", "noisy_labels"]

CLASSES = 10

_SPLIT_SEED = 2024
_HELD_OUT = 0.25


@dataclass(frozen=True)
class Digits:
    """1 797 images of 8×8 pixels, scaled to [0, 1]; the split never changes."""

    train_images: NDArray[np.float32]  # (n, 64)
    train_labels: NDArray[np.int64]  # (n,) clean: `noisy_labels` makes what is trained on
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]  # clean, never handed to a candidate


@cache
def digits() -> Digits:
    """The data with its fixed split, 75 to 25.

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UserError("tasks of kind loss need scikit-learn: pip install 'gristmill[losses]'") from None
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    images = (images[order] / 16.0).astype(np.float32)
    labels = labels[order].astype(np.int64)
    held = round(len(labels) * _HELD_OUT)
    return Digits(images[held:], labels[held:], images[:held], labels[:held])


def noisy_labels(labels: NDArray[np.int64], share: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Labels of which exactly `share` were replaced by another class, each of the nine alike (symmetric noise)."""
    wrong = generator.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + generator.integers(1, CLASSES, len(wrong))) % CLASSES
    return noisy
