"""How well a trained policy does, in episodes that nothing was learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gristmill.verifiers.trained.reward.environment import Actions, Ended, Environment, Episodes, Floats
from gristmill.verifiers.trained.reward.heads import Head
from gristmill.verifiers.trained.reward.policy import Net, features
from gristmill.verifiers.trained.verifier import share

__all__ = ["Policy", "ends", "grades", "mean_grade"]


@dataclass(frozen=True)
class Policy:
    """A policy as it is graded: it takes its likeliest action, and draws nothing."""

    actor: Net
    says: Head

    def act(self, environment: Environment, observed: Floats) -> Actions:
        """What it does in each row of (n, quantities)."""
        out, _ = self.actor.forward(features(observed, environment.observation))
        return self.says.applied(self.says.likeliest(out))


def mean_grade(
    actor: Net, says: Head, environment: Environment, generator: np.random.Generator, episodes: int
) -> tuple[float, float]:
    """Of `episodes` fresh episodes with the policy's likeliest action: the mean grade, and the share of successes."""
    ended = ends(Policy(actor, says), environment, generator, episodes)
    return share(float(np.mean(environment.grade(ended)))), float(ended.succeeded.mean())


def grades(
    policy: Policy,
    environment: Environment,
    generator: np.random.Generator,
    episodes: int,
    physics: Mapping[str, float | Floats] | None = None,
) -> Floats:
    """(episodes,): the environment's grade of each of so many fresh episodes; see `ends`."""
    return environment.grade(ends(policy, environment, generator, episodes, physics))


def ends(
    policy: Policy,
    environment: Environment,
    generator: np.random.Generator,
    episodes: int,
    physics: Mapping[str, float | Floats] | None = None,
) -> Ended:
    """How so many fresh episodes end.

    `physics` has one number for all of them or one for each; what it does not name is as it is in the environment.
    """
    running = Episodes(environment, episodes, generator, physics=physics)
    states = np.zeros_like(running.states)
    succeeded = np.zeros(episodes, dtype=bool)
    steps = np.zeros(episodes, dtype=np.int64)
    progress, nearest = np.zeros(episodes), np.zeros(episodes)
    for number in range(1, environment.episode_steps + 1):
        taken = running.step(policy.act(environment, running.observe()))
        goes_on = steps == 0
        there = environment.progress(taken.next_state)
        progress[goes_on] += there[goes_on]
        nearest[goes_on] = np.maximum(nearest, there)[goes_on]
        now = (taken.terminated | taken.truncated) & goes_on
        states[now], succeeded[now], steps[now] = taken.next_state[now], taken.terminated[now], number
        if steps.all():
            break
    return Ended(states, succeeded, steps, progress / np.maximum(steps, 1), nearest)
