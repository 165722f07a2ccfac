"""Of the rewards and losses that `mutate` writes, how many can be trained with at all: no judge, no training.

    python benchmarks/usable.py [--offspring 400]

From each published start so many programs are bred, each from one of those before that could be used. Usable: a reward
gives one finite number a step, not all alike; a loss gives one number with finite gradients that are not all zero. The
programs are of our own pieces, so they are run here, in this process. Needs torch.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gristmill.graph.models.mutate.proposer import offspring
from gristmill.graph.models.mutate.rules import Rules
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.baselines.programs import program
from gristmill.verifiers.trained.loss.problems import loss_task
from gristmill.verifiers.trained.reward.environment import is_continuous
from gristmill.verifiers.trained.reward.environments import environment_spec, reward_task

ROWS = 7


def named(source: str, name: str) -> Any:
    """A function of a program."""
    names: dict[str, Any] = {}
    exec(source, names)
    return names[name]


def reward(environment: str) -> Callable[[str], bool]:
    """Whether a reward gives one number a step."""
    world, chance = environment_spec(environment), np.random.default_rng(0)
    before, after = chance.standard_normal((2, ROWS, len(world.observation)))
    many = len(world.actions)
    action = chance.standard_normal((ROWS, many)) if is_continuous(world.actions) else chance.integers(0, many, ROWS)

    def usable(source: str) -> bool:
        with np.errstate(all="ignore"):
            value = named(source, "reward")(before, action, after, {})
        return np.shape(value) == (ROWS,) and bool(np.isfinite(value).all()) and float(np.ptp(value)) > 0

    return usable


def loss(*, pairs: bool) -> Callable[[str], bool]:
    """Whether a loss gives one number and gradients."""
    import torch

    def usable(source: str) -> bool:
        torch.manual_seed(0)
        if pairs:
            learned = [(-torch.rand(ROWS)).requires_grad_() for _ in range(2)]
            given: list[Any] = [*learned, -torch.rand(ROWS), -torch.rand(ROWS), 0.5]
        else:
            learned = [torch.randn(ROWS, 10, requires_grad=True)]
            given = [*learned, torch.randint(0, 10, (ROWS,))]
        value = named(source, "loss")(*given)
        value.backward()
        gradients = [each.grad for each in learned if each.grad is not None]
        finite = all(bool(torch.isfinite(each).all()) for each in gradients)
        return value.shape == () and finite and any(float(each.abs().sum()) > 0 for each in gradients)

    return usable


def share(task: Task, start: str, usable: Callable[[str], bool], many: int) -> float:
    """The share of usable programs."""
    rules, chance, kept = Rules.of(task), random.Random(0), [start]
    for _ in range(many):
        source = offspring([chance.choice(kept)], chance.choice(("refine", "another")), rules, chance)
        try:
            good = usable(source)
        except Exception:
            continue  # it is no function
        kept += [source] * good
    return (len(kept) - 1) / many


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offspring", type=int, default=400)
    many = parser.parse_args().offspring
    for name in ("mountain_car", "pendulum"):
        human = environment_spec(name).baselines["human"]
        print(f"{name}: {share(reward_task(name), human, reward(name), many):.3f}", flush=True)
    for name, start in (("digits_label_noise", "ce"), ("preference_pairs", "dpo")):
        found = share(loss_task(name), program(start), loss(pairs=start == "dpo"), many)
        print(f"{name}: {found:.3f}", flush=True)


if __name__ == "__main__":
    main()
