"""Trains a problem's network with a candidate's loss and grades it on held-out data; trusted, the judge's side.

The loss itself is computed elsewhere: `LossFunction` gets outputs and targets as arrays and returns a number and its
gradient with respect to the outputs, which a custom autograd function carries on into the network. Inputs, clean
targets, weights, seeds and the grade never leave this process. torch is imported on use (``gristmill[losses]``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.loss.problem import NetworkSettings, Problem, Split, Trains, data_of
from gristmill.verifiers.trained.verifier import Deadline, Watch, share

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["LossFunction", "NetworkCheckpoint", "TrainedNetwork", "carried", "require_torch", "train"]

LossFunction = Callable[[NDArray[np.float32], NDArray[Any]], tuple[float, NDArray[np.float32]]]
"""(outputs (n, k), targets (n, …)) → (loss, gradient (n, k)). Whatever it raises ends the training."""


@dataclass(frozen=True)
class NetworkCheckpoint:
    """What was measured while training went on; the grade never enters the training."""

    epoch: int
    grade: float
    loss: float  # mean over the epoch


@dataclass(frozen=True)
class TrainedNetwork:
    """One trained network's record; `grade` is how good it is on held-out data, in [0, 1]."""

    grade: float
    checkpoints: tuple[NetworkCheckpoint, ...]


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
    loss: LossFunction,
    problem: Problem,
    seed: int,
    settings: NetworkSettings | None = None,
    deadline: float | None = None,
    *,
    split: Split | None = None,
    cut: int = 0,
    watch: Watch | None = None,
) -> TrainedNetwork:
    """Train one network from nothing with `loss` and grade it on the held-out data.

    `loss` is called once a batch; split, noise, order and weights follow from `seed`. `settings` are the problem's own
    if None; `deadline` is a `time.monotonic` instant; `split` and `cut` say which data are drawn from: see `data_of`.
    `watch` hears of the grade at each checkpoint, and may raise; a problem that trains by itself has none.

    Raises:
        Deadline: it had not ended by then.
        UserError: torch, or what the data are loaded with, is not installed.
    """
    torch = require_torch()
    if isinstance(problem, Trains):
        trained: TrainedNetwork = problem.trained(loss, seed, deadline, split, cut)
        return trained
    settings = settings or problem.training
    drawn, noise, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    data = data_of(problem, drawn, split, cut)
    targets = problem.spoiled(data.targets, noise)
    inputs, held_out = torch.from_numpy(data.inputs), torch.from_numpy(data.held_out_inputs)
    with torch.random.fork_rng(devices=[]):  # torch's own stream is left as it was
        torch.manual_seed(seed)
        network = problem.network(torch)
    adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    through = carried(torch)
    marks = {round((k + 1) * settings.epochs / settings.checkpoints) for k in range(settings.checkpoints)}
    checkpoints: list[NetworkCheckpoint] = []
    grade = 0.0
    for epoch in range(1, settings.epochs + 1):
        shuffled = order.permutation(len(targets))
        values: list[float] = []
        for start in range(0, len(targets), settings.batch):
            if deadline is not None and time.monotonic() > deadline:
                raise Deadline
            rows = shuffled[start : start + settings.batch]
            if len(rows) < 2:  # no loss is asked for one row alone: its batch has no deviation
                continue
            outputs = network(inputs[torch.from_numpy(rows)])
            value, gradient = loss(outputs.detach().numpy().copy(), targets[rows])
            adam.zero_grad()
            through.apply(outputs, value, torch.from_numpy(gradient)).backward()
            adam.step()
            values.append(value)
        if epoch in marks:
            with torch.no_grad():
                grade = share(problem.grade(network(held_out).numpy(), data.held_out_targets))
            checkpoints.append(NetworkCheckpoint(epoch, grade, float(np.mean(values))))
            if watch is not None:
                watch(grade)
    return TrainedNetwork(grade, tuple(checkpoints))


def carried(torch: Any) -> Any:
    """An autograd function whose value and gradient were computed elsewhere."""

    class Carried(torch.autograd.Function):  # type: ignore[misc]  # torch is imported on use
        @staticmethod
        def forward(context: Any, outputs: Any, value: float, gradient: Any) -> Any:
            context.save_for_backward(gradient)
            return outputs.new_tensor(value)

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            (gradient,) = context.saved_tensors
            return upstream * gradient, None, None

    return Carried
