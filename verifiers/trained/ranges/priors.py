"""Reward-aware priors: how far a constant of the physics may be moved before a policy of this reward fails.

Source: DrEureka (Ma et al. 2024), whose code keeps the lowest and the highest value at which the policy succeeds.
Departure: of a range with a failure inside, that rule makes a prior that holds the failure; here the prior is the
widest interval around the constant's own value in which every value tried is a success. Both are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.verifiers.trained.ranges.grids import values_of
from gristmill.verifiers.trained.reward.environment import Environment
from gristmill.verifiers.trained.reward.grading import Policy, grades
from gristmill.verifiers.trained.verifier import share

__all__ = ["SUCCESS", "Prior", "SweepPoint", "prior", "sweep"]

SUCCESS = 0.8
"""A policy succeeds where its grade is at least this share of its grade in the world as it is."""


class SweepPoint(Record):
    """One value of a constant, and how the policy did there."""

    value: float
    grade: float = Field(description="the mean over fresh episodes, in [0, 1]")
    succeeded: bool


class Prior(Record):
    """What is known of one constant."""

    name: str
    nominal: float = Field(description="its value in the world as it is")
    low: float
    high: float
    published: tuple[float, float] = Field(description="the lowest and the highest success, failures between included")
    tried: tuple[SweepPoint, ...] = Field(description="rising values")

    @property
    def failures(self) -> tuple[float, ...]:
        """The values tried at which the policy fails."""
        return tuple(each.value for each in self.tried if not each.succeeded)

    @property
    def admitted(self) -> tuple[float, ...]:
        """Failures that the published rule has inside its range."""
        low, high = self.published
        return tuple(each for each in self.failures if low <= each <= high)


def prior(name: str, nominal: float, tried: Sequence[SweepPoint]) -> Prior:
    """The widest interval around `nominal` in which all that was tried succeeds.

    Raises:
        ValueError: nothing was tried at `nominal`, or the policy fails there.
    """
    rising = tuple(sorted(tried, key=lambda each: each.value))
    here = next((at for at, each in enumerate(rising) if each.value == nominal and each.succeeded), None)
    if here is None or any(each.value == nominal and not each.succeeded for each in rising):
        raise ValueError(f"the policy does not succeed at {name} = {nominal:g}, its own value")
    low = high = here
    while low > 0 and rising[low - 1].succeeded:
        low -= 1
    while high + 1 < len(rising) and rising[high + 1].succeeded:
        high += 1
    successes = [each.value for each in rising if each.succeeded]
    return Prior(
        name=name,
        nominal=nominal,
        low=rising[low].value,
        high=rising[high].value,
        published=(successes[0], successes[-1]),
        tried=rising,
    )


def sweep(
    policy: Policy, environment: Environment, seed: int, *, success: float = SUCCESS, episodes: int = 256
) -> tuple[Prior, ...]:
    """Replay a policy that was trained in the world as it is with each constant moved alone; one prior a constant.

    All values of a constant are tried on the same `episodes` starts.

    Raises:
        ValueError: the policy comes to nothing in the world as it is: there is nothing to lose by moving it.
    """

    def graded(physics: Mapping[str, float]) -> float:
        return share(float(np.mean(grades(policy, environment, np.random.default_rng(seed), episodes, physics))))

    as_it_is = graded({})
    if as_it_is <= 0:
        raise ValueError("the policy that this reward trains comes to nothing in the world as it is")
    found = []
    for each in environment.physics:
        tried = []
        for value in values_of(each):
            grade = as_it_is if value == each.default else graded({each.name: value})
            tried.append(SweepPoint(value=value, grade=grade, succeeded=grade >= success * as_it_is))
        found.append(prior(each.name, each.default, tried))
    return tuple(found)
