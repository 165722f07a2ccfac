"""Worlds whose physics is not the nominal one, and how a policy does in each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gristmill.verifiers.trained.reward.environment import Environment, Floats, Ranges
from gristmill.verifiers.trained.reward.grading import Policy, grades

__all__ = ["EPISODES", "WORST", "drawn", "graded", "whole", "worst"]

EPISODES = 8
"""In each world, for one policy."""
WORST = 0.1


def whole(environment: Environment) -> dict[str, tuple[float, float]]:
    """The ranges in which the constants of a world make sense."""
    return {each.name: (each.low, each.high) for each in environment.physics}


def drawn(bounds: Ranges, worlds: int, chance: np.random.Generator) -> dict[str, Floats]:
    """So many worlds: of each constant (worlds,) values, all of them drawn anew, each value as likely."""
    return {name: chance.uniform(low, high, worlds) for name, (low, high) in bounds.items()}


def graded(
    policy: Policy, environment: Environment, worlds: Mapping[str, Floats], chance: np.random.Generator
) -> Floats:
    """(worlds,): the mean grade in each, in [0, 1]; what is no number, as a policy diverged, is 0."""
    count = len(next(iter(worlds.values())))
    rows = {name: np.repeat(values, EPISODES) for name, values in worlds.items()}
    each = grades(policy, environment, chance, count * EPISODES, rows).reshape(count, EPISODES).mean(axis=1)
    return np.asarray(np.clip(np.nan_to_num(each, nan=0.0), 0.0, 1.0))


def worst(by_world: Floats) -> float:
    """The mean over the worst tenth of the worlds, one at least."""
    return float(np.sort(by_world)[: max(1, round(WORST * len(by_world)))].mean())
