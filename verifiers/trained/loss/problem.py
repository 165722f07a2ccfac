"""What a loss is judged by: the `Problem` protocol, a network to train and data that nobody has shown it.

A problem lives on the judge's side: the candidate gets one batch's outputs and targets at a time, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.verifier import Split

__all__ = ["Data", "NetworkSettings", "Parted", "Problem", "Split", "Trains", "data_of"]


@dataclass(frozen=True)
class Data:
    """What is learned from and what is measured on; one row an example. It never changes."""

    inputs: NDArray[np.float32]
    targets: NDArray[Any]  # clean: `Problem.spoiled` makes what is trained on
    held_out_inputs: NDArray[np.float32]
    held_out_targets: NDArray[Any]  # never handed to a candidate


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained. The defaults take about half a second with `DigitsLabelNoise`."""

    epochs: int = 60
    batch: int = 128
    learning_rate: float = 2e-3
    checkpoints: int = 6


class Problem(Protocol):
    """Something to learn with a loss. It keeps no state: equal arguments give equal answers."""

    @property
    def name(self) -> str:
        """What `Task.problem` names."""
        ...

    @property
    def story(self) -> str:
        """What a network must learn and what makes that hard, in a few sentences."""
        ...

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the loss calls the network's outputs and its targets, as in ``("logits", "labels")``; see `form_of`."""
        ...

    @property
    def received(self) -> str:
        """What these arguments are, with their shapes, in a sentence."""
        ...

    @property
    def model(self) -> str:
        """What the network is, as in "The network has two hidden layers"."""
        ...

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for an example."""
        ...

    @property
    def measure(self) -> str:
        """The name of the score, as in "accuracy"; it is 1 at most."""
        ...

    @property
    def grading(self) -> str:
        """What the score is, as in "its accuracy on clean held-out images"."""
        ...

    @property
    def training(self) -> NetworkSettings:
        """How much training a loss gets."""
        ...

    @property
    def baselines(self) -> Mapping[str, str]:
        """Source of losses to compare with: "human", the best known by hand, and "usual"."""
        ...

    def data(self, generator: np.random.Generator) -> Data:
        """The data, loaded once, in a split that is drawn from `generator`.

        A split that everybody knows could be carried in a loss, which then knows what its targets should be.

        Raises:
            UserError: what it is loaded with is not installed.
        """
        ...

    def spoiled(self, targets: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """The training targets with the problem's noise, a new array; without noise, the targets themselves."""
        ...

    def network(self, torch: ModuleType) -> Any:
        """A fresh ``torch.nn.Module`` from (n, inputs) to (n, outputs), its weights drawn by torch's own generator."""
        ...

    def grade(self, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
        """In [0, 1], higher is better: how good outputs for held-out examples are."""
        ...

    def advice(self, grades: Sequence[float]) -> str | None:
        """A sentence for the author of a loss that falls short; `grades` are the weakest network's, by checkpoint."""
        ...


@runtime_checkable
class Parted(Protocol):
    """A problem whose data are few: what is measured on is cut in three, once, before a search begins.

    A problem that can draw as much as it likes, or another world for every generator, has no need of it.
    """

    def part(self, generator: np.random.Generator, split: Split, cut: int) -> Data:
        """The data of one split, drawn from `generator` within what `cut` has given to it.

        Equal `cut` give equal parts. No example is held out in two splits, and none that is held out in the final one
        is ever learned from before.
        """
        ...


@runtime_checkable
class Trains(Protocol):
    """A problem that trains by itself, because its network is none that takes rows of numbers."""

    def trained(self, loss: Any, seed: int, deadline: float | None, split: Split | None, cut: int) -> Any:
        """A `gristmill.verifiers.trained.loss.trainer.TrainedNetwork`; arguments are those of `train` there.

        Raises:
            Deadline: it had not ended by then.
        """
        ...

    def seconds(self) -> float:
        """About how many processor seconds one training takes, by a little of one."""
        ...


def data_of(problem: Problem, generator: np.random.Generator, split: Split | None = None, cut: int = 0) -> Data:
    """A problem's data: of a split where it has such, else, or without a split, as its `data` draws them."""
    if split is None or not isinstance(problem, Parted) or not _cuts_its_own(type(problem)):
        return problem.data(generator)
    return problem.part(generator, split, cut)


def _cuts_its_own(problem: type) -> bool:
    """Whether no class below that of `part` has a `data` of its own, which that `part` knows nothing of."""
    return next("part" in vars(each) for each in problem.__mro__ if {"part", "data"} & vars(each).keys())
