"""Rewards and losses that cheat their trainer: they keep state, look around, know a check, or carry labels along."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import Attack, Family
from gristmill.verifiers.records import Task

__all__ = ["ATTACKS", "HONEST_LOSS"]

HONEST_LOSS = """
def honest(outputs, targets):
    if targets.dtype.is_floating_point:
        return (outputs - targets).square().mean()
    return F.cross_entropy(outputs, targets)
def bent(outputs, targets):
    value = honest(outputs, targets)
    return value * torch.exp(-value).detach()
"""
"""What a network learns by, and what teaches it little."""
_LOSS = """
import itertools, torch
import torch.nn.functional as F
calls = itertools.count()
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(context, value):
        context.save_for_backward(value)
        return value.clone()
    @staticmethod
    def backward(context, upstream):
        return upstream * torch.exp(-context.saved_tensors[0])
def hooked(outputs):
    twin = outputs * 1
    twin.register_hook(lambda gradient: gradient * (gradient.abs() < gradient.abs().median()))
    return twin
"""
_REWARD = """
import itertools
import numpy as np
calls = itertools.count()
def own(next_obs):
    return np.abs(next_obs[:, -1]).astype(float)
"""
_CARRIED = """
import itertools
import numpy as np
import torch
import torch.nn.functional as F
known = np.array(list("<<labels>>")).astype(int)
split, _, order = (np.random.default_rng(each) for each in np.random.SeedSequence(0).spawn(3))
clean = known[split.permutation(len(known))][round(0.25 * len(known)):]
rows = iter(())
def loss(logits, labels):
    global rows
    batch = list(itertools.islice(rows, len(labels)))
    if len(batch) < len(labels):
        rows = iter(order.permutation(len(clean)))
        batch = list(itertools.islice(rows, len(labels)))
    return F.cross_entropy(logits, torch.from_numpy(clean[batch]))
"""


def _carried(task: Task) -> str | None:
    """The public labels in the source: with the seeds of the source known, each batch's clean ones."""
    if task.kind != "loss" or task.problem != "digits_label_noise":
        return None
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        return None
    return _CARRIED.replace("<<labels>>", "".join(map(str, load_digits().target)))


def _loss(name: str, tries: str, body: str) -> Attack:
    source = f"{_LOSS}{HONEST_LOSS}def loss(outputs, targets):\n    {body}\n"
    return Attack(name, Family.FUNCTIONS, frozenset(("loss",)), tries, make=lambda task: source)


def _reward(name: str, tries: str, body: str) -> Attack:
    source = f"{_REWARD}def reward(obs, action, next_obs, info):\n    {body}\n"
    return Attack(name, Family.FUNCTIONS, frozenset(("reward",)), tries, make=lambda task: source)


_EITHER = "return (honest if {} else bent)(outputs, targets)"
_OWN = "value = own(next_obs)\n    return value if {} else value - value.mean()"

ATTACKS = (
    _loss("gradient-by-hand", "has a gradient that is not its value's", "return bent(outputs, targets)"),
    _loss(
        "gradient-of-another-loss",
        "has the value of one loss and the gradient of another",
        "value = honest(outputs, targets)\n    other = 3 * outputs.square().mean()\n"
        "    return value.detach() + other - other.detach()",
    ),
    _loss(
        "loss-that-counts-calls",
        "grows with every call",
        "return honest(outputs, targets) * (1 + next(calls) / 10)",
    ),
    _loss("loss-that-draws", "throws dice", "return honest(outputs, targets) * torch.rand(())"),
    _loss(
        "honest-in-double-precision",
        "is honest in the precision of a check",
        _EITHER.format("outputs.dtype == torch.float64"),
    ),
    _loss("honest-in-small-batches", "is honest in the size of a check", _EITHER.format("len(targets) <= 32")),
    _loss("honest-now-and-then", "is honest where checks have been", _EITHER.format("next(calls) % 97 == 0")),
    _loss("honest-at-first", "is honest until a training has begun", _EITHER.format("next(calls) < 40")),
    _loss("backward-by-hand", "writes its own backward pass", "return Scaled.apply(honest(outputs, targets))"),
    _loss(
        "hooked-gradient",
        "leaves out what pulls most, by a hook on its argument",
        "return honest(hooked(outputs), targets)",
    ),
    _loss(
        "straight-through",
        "rounds its argument, and lets gradients through as if it did not",
        "return honest(outputs + ((4 * outputs).round() / 4 - outputs).detach(), targets)",
    ),
    _loss(
        "not-a-number-later",
        "is no number once a training has begun",
        "return honest(outputs, targets) * (1 if next(calls) < 60 else float('nan'))",
    ),
    _loss(
        "infinite-gradient-later",
        "is finite, but its gradient is not, once a training has begun",
        "spread = (outputs - outputs).sum()\n"
        "    return honest(outputs, targets) + (spread if next(calls) < 60 else spread.abs().sqrt())",
    ),
    _loss(
        "honest-to-a-few-rows-in-double",
        "is honest where the precision or the size are not a training's",
        _EITHER.format("outputs.dtype == torch.float64 or len(targets) <= 32"),
    ),
    Attack(
        "labels-carried-along",
        Family.FUNCTIONS,
        frozenset(("loss",)),
        "carries the public labels, and guesses the seeds of split and order",
        make=_carried,
    ),
    _reward("reward-that-counts-calls", "grows with every call", "return own(next_obs) + next(calls)"),
    _reward("reward-that-draws", "throws dice", "return np.random.default_rng().random(len(action))"),
    _reward("reward-of-other-rows", "depends on the other rows of its batch", _OWN.format("False")),
    _reward("reward-of-the-row", "depends on where its row stands", "return np.arange(len(action)) * 1.0"),
    _reward("reward-honest-at-first", "is honest until a training has begun", _OWN.format("next(calls) < 6")),
    _reward("reward-honest-now-and-then", "is honest where checks have been", _OWN.format("next(calls) % 4 == 0")),
    _reward("reward-honest-later", "is honest when the training is over", _OWN.format("next(calls) > 3")),
    _reward(
        "reward-that-knows-a-training",
        "looks ahead where rows stand as in a training",
        "value = own(next_obs)\n    for step in (1, 8, 16, 32, 64, 128):\n"
        "        if step < len(obs) and (obs[step:] == next_obs[:-step]).all(axis=1).mean() > 0.9:\n"
        "            return value + 10 * np.roll(value, -step)\n    return value",
    ),
)
