"""How well a trained policy does, in episodes that nothing was learned from."""

from __future__ import annotations

import numpy as np

from gristmill.verifiers.trained.reward.environment import Ended, Environment, Episodes
from gristmill.verifiers.trained.reward.heads import Head
from gristmill.verifiers.trained.reward.policy import Net, features
from gristmill.verifiers.trained.verifier import share

__all__ = ["mean_grade"]


def mean_grade(
    actor: Net, says: Head, environment: Environment, generator: np.random.Generator, episodes: int
) -> float:
    """The environment's grade of `episodes` fresh episodes with the policy's likeliest action, in the mean."""
    running = Episodes(environment, episodes, generator)
    states = np.zeros_like(running.states)
    succeeded = np.zeros(episodes, dtype=bool)
    steps = np.zeros(episodes, dtype=np.int64)
    progress, nearest = np.zeros(episodes), np.zeros(episodes)
    for number in range(1, environment.episode_steps + 1):
        out, _ = actor.forward(features(running.observe(), environment.observation))
        taken = running.step(says.applied(says.likeliest(out)))
        goes_on = steps == 0
        there = environment.progress(taken.next_state)
        progress[goes_on] += there[goes_on]
        nearest[goes_on] = np.maximum(nearest, there)[goes_on]
        now = (taken.terminated | taken.truncated) & goes_on
        states[now], succeeded[now], steps[now] = taken.next_state[now], taken.terminated[now], number
        if steps.all():
            break
    ended = Ended(states, succeeded, steps, progress / np.maximum(steps, 1), nearest)
    return share(float(np.mean(environment.grade(ended))))
