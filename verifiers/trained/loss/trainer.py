"""Trains a small network with a candidate's loss and measures it on clean held-out labels; trusted, the judge's side.

The loss itself is computed elsewhere: `LossFunction` gets logits and noisy labels as arrays and returns a number and
its gradient with respect to the logits, which a custom autograd function carries on into the network. Images, true
labels, weights, seeds and the metric never leave this process. torch is imported on use (``gristmill[losses]``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.loss.data import CLASSES, digits, noisy_labels
from gristmill.verifiers.trained.verifier import Deadline

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Checkpoint", "LossFunction", "Settings", "TrainedNetwork", "require_torch", "train"]

LossFunction = Callable[[NDArray[np.float32], NDArray[np.int64]], tuple[float, NDArray[np.float32]]]
"""(logits (n, 10), labels (n,)) → (loss, gradient (n, 10)). Whatever it raises ends the training."""


@dataclass(frozen=True)
class Settings:
    """How a network is trained and measured. The defaults give one run in about half a second."""

    epochs: int = 60
    batch: int = 128
    hidden: int = 128
    learning_rate: float = 2e-3
    noise: float = 0.4
    checkpoints: int = 6


@dataclass(frozen=True)
class Checkpoint:
    """What was measured while training went on; the accuracy never enters the training."""

    epoch: int
    accuracy: float
    loss: float  # mean over the epoch


@dataclass(frozen=True)
class TrainedNetwork:
    """One trained network's record; `accuracy` is its share of right answers on clean held-out images."""

    seed: int
    accuracy: float
    checkpoints: tuple[Checkpoint, ...]
    seconds: float


def require_torch() -> ModuleType:
    """The torch module.

    Raises:
        UserError: torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise UserError("tasks of kind loss need torch: install it (CPU or CUDA), then 'gristmill[losses]'") from None
    return torch


def train(
    loss: LossFunction, seed: int, settings: Settings | None = None, deadline: float | None = None
) -> TrainedNetwork:
    """Train one network from nothing with `loss` and measure it on the clean held-out images.

    `loss` is called once a batch. `deadline` is a `time.monotonic` instant.

    Raises:
        Deadline: it had not ended by then.
        UserError: torch or scikit-learn is not installed.
    """
    torch = require_torch()
    settings = settings or Settings()
    data = digits()
    begun = time.monotonic()
    noise, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    labels = noisy_labels(data.train_labels, settings.noise, noise)
    images, held_out = torch.from_numpy(data.train_images), torch.from_numpy(data.test_images)
    network = _network(torch, settings.hidden, seed)
    adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    carried = _carried(torch)
    marks = {round((k + 1) * settings.epochs / settings.checkpoints) for k in range(settings.checkpoints)}
    checkpoints: list[Checkpoint] = []
    accuracy = 0.0
    for epoch in range(1, settings.epochs + 1):
        shuffled = order.permutation(len(labels))
        values: list[float] = []
        for start in range(0, len(labels), settings.batch):
            if deadline is not None and time.monotonic() > deadline:
                raise Deadline
            rows = shuffled[start : start + settings.batch]
            logits = network(images[torch.from_numpy(rows)])
            value, gradient = loss(logits.detach().numpy().copy(), labels[rows])
            adam.zero_grad()
            carried.apply(logits, value, torch.from_numpy(gradient)).backward()
            adam.step()
            values.append(value)
        if epoch in marks:
            with torch.no_grad():
                guesses = network(held_out).argmax(dim=1).numpy()
            accuracy = float((guesses == data.test_labels).mean())
            checkpoints.append(Checkpoint(epoch, accuracy, float(np.mean(values))))
    return TrainedNetwork(seed, accuracy, tuple(checkpoints), time.monotonic() - begun)


def _network(torch: Any, hidden: int, seed: int) -> Any:
    """64 → hidden → hidden → 10 with ReLU. Its weights come from the seed, and torch's own stream is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(64, hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(hidden, hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(hidden, CLASSES),
        )


def _carried(torch: Any) -> Any:
    """An autograd function whose value and gradient were computed elsewhere."""

    class Carried(torch.autograd.Function):  # type: ignore[misc]  # torch is imported on use
        @staticmethod
        def forward(context: Any, logits: Any, value: float, gradient: Any) -> Any:
            context.save_for_backward(gradient)
            return logits.new_tensor(value)

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            (gradient,) = context.saved_tensors
            return upstream * gradient, None, None

    return Carried
