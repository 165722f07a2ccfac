"""A tiny PPO in numpy that learns an environment from whatever reward it is given; trusted, on the judge's side.

Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms". Departures: (1) separate actor and critic
of two tanh layers, written out by hand, because 100 000 steps should take a second; (2) rewards are divided by their
running standard deviation, so that a reward's scale does not decide; (3) nothing follows the end of an episode,
whether it reached the goal or used up its steps, and the discount is .975: with .99 the policy learns to stay away
from the goal for the sake of a reward for speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import (
    Actions,
    Environment,
    Episodes,
    Floats,
    PolicySettings,
    Ranges,
    Steps,
)
from gristmill.verifiers.trained.reward.grading import Policy, mean_grade
from gristmill.verifiers.trained.reward.heads import Head, head
from gristmill.verifiers.trained.reward.policy import Net, features, network
from gristmill.verifiers.trained.threads import one_thread
from gristmill.verifiers.trained.verifier import Deadline, Watch

__all__ = ["Batch", "Deviation", "PolicyCheckpoint", "RewardFunction", "TrainedPolicy", "train"]


@dataclass(frozen=True)
class Batch:
    """Steps in the shape in which a reward function receives them: one row a step, rows independent.

    How an episode ended is the trainer's alone.
    """

    observation: Floats  # (n, quantities)
    action: Actions  # (n,) numbers of actions, or (n, parts) of real ones
    next_observation: Floats  # (n, quantities)
    terminated: NDArray[np.bool_]  # (n,) the episode succeeded
    truncated: NDArray[np.bool_]  # (n,) the episode's steps were used up

    @property
    def ended(self) -> NDArray[np.bool_]:
        """(n,): whether the episode ended with this step."""
        return self.terminated | self.truncated


RewardFunction = Callable[[Batch], Floats]
"""Returns one reward a row, (n,) float64, higher is better. Whatever it raises ends the training."""


@dataclass(frozen=True)
class PolicyCheckpoint:
    """What was measured while training went on; the grade never enters the training."""

    steps: int
    grade: float
    reward_min: float
    reward_mean: float
    reward_max: float
    reward_deviation: float
    success: float | None = None  # None where success is no notion of the world's


@dataclass(frozen=True)
class TrainedPolicy:
    """One trained policy's record; `grade` is its mean over fresh episodes, in [0, 1], `success` their share that
    succeeded, and `start` the mean grade before any training; None where they were not measured."""

    grade: float
    checkpoints: tuple[PolicyCheckpoint, ...]
    policy: Policy | None = field(default=None, repr=False, compare=False)
    success: float | None = None
    start: float | None = None


def _rollout(
    running: Episodes, actor: Net, says: Head, horizon: int, generator: np.random.Generator
) -> tuple[list[Steps], list[Actions], Floats]:
    """`horizon` steps of all episodes: the steps, the actions that were drawn, and (horizon, episodes) logarithms."""
    steps: list[Steps] = []
    actions: list[Actions] = []
    logs = np.empty((horizon, running.count))
    for t in range(horizon):
        out, _ = actor.forward(features(running.observe(), running.environment.observation))
        drawn, logs[t] = says.draw(out, generator)
        actions.append(drawn)
        steps.append(running.step(says.applied(drawn)))
    return steps, actions, logs


def _batch(steps: list[Steps], actions: Actions) -> Batch:
    return Batch(
        observation=np.concatenate([s.observation for s in steps]),
        action=actions.copy(),
        next_observation=np.concatenate([s.next_observation for s in steps]),
        terminated=np.concatenate([s.terminated for s in steps]),
        truncated=np.concatenate([s.truncated for s in steps]),
    )


def _advantages(rewards: Floats, values: Floats, after: Floats, batch: Batch, settings: PolicySettings) -> Floats:
    """Generalised advantages (horizon, episodes); `after` is the value of each step's own next observation."""
    ended = batch.ended.reshape(rewards.shape)
    over = batch.terminated.reshape(rewards.shape) if settings.bootstrap else ended
    surprise = rewards + settings.discount * after * ~over - values
    advantages = np.zeros_like(rewards)
    running = np.zeros(rewards.shape[1])
    for t in range(len(rewards) - 1, -1, -1):
        running = surprise[t] + settings.discount * settings.trace * ~ended[t] * running
        advantages[t] = running
    return advantages


@one_thread()
def train(
    reward: RewardFunction,
    environment: Environment,
    seed: int,
    settings: PolicySettings | None = None,
    deadline: float | None = None,
    ranges: Ranges | None = None,
    watch: Watch | None = None,
) -> TrainedPolicy:
    """Train one policy from nothing with `reward` and grade it on fresh episodes.

    `reward` is called once a rollout, with ``horizon * episodes`` rows; success, the grade and every seed stay here.
    `settings` are the environment's own if None; `deadline` is a `time.monotonic` instant. With `ranges` the physics
    is another in each episode of the training; grades are those of the environment as it is. `watch` hears of the grade
    at each checkpoint, and may raise.

    Raises:
        Deadline: it had not ended by then.
    """
    settings = settings or environment.training
    quantities, says = environment.observation, head(environment)
    # Independent streams: how a candidate's reward changes the training cannot change the episodes it is tested on.
    world, chance, start, looks, test, before = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)
    )
    actor = network(start, len(quantities), settings.hidden, says.outputs, 0.01)
    critic = network(start, len(quantities), settings.hidden, 1, 1.0)
    running = Episodes(environment, settings.episodes, world, ranges=ranges)
    begun, _ = mean_grade(actor, says, environment, before, settings.checkpoint_episodes)
    rollouts = settings.steps // (settings.episodes * settings.horizon)
    marks = {round((k + 1) * rollouts / settings.checkpoints) for k in range(settings.checkpoints)}
    checkpoints: list[PolicyCheckpoint] = []
    scale = Deviation(settings.discount, settings.episodes)
    size = settings.episodes * settings.horizon
    for number in range(1, rollouts + 1):
        if deadline is not None and time.monotonic() > deadline:
            raise Deadline
        steps, actions, old_logs = _rollout(running, actor, says, settings.horizon, chance)
        drawn: Actions = np.concatenate(actions)  # type: ignore[assignment] # all of one kind
        batch = _batch(steps, says.applied(drawn))
        raw = reward(batch)
        shape = (settings.horizon, settings.episodes)
        rewards = scale.normalise(raw.reshape(shape), batch)
        values = critic.forward(features(batch.observation, quantities))[0].reshape(shape)
        after = critic.forward(features(batch.next_observation, quantities))[0].reshape(shape)
        advantages = _advantages(rewards, values, after, batch, settings)
        returns = (advantages + values).reshape(-1)
        rate = settings.learning_rate * (1 - (number - 1) / rollouts)
        x, flat, logs = features(batch.observation, quantities), advantages.reshape(-1), old_logs.reshape(-1)
        for _ in range(settings.epochs):
            order = chance.permutation(size)
            for part in np.array_split(order, settings.minibatches):
                _improve(
                    actor, says, critic, x[part], drawn[part], logs[part], flat[part], returns[part], settings, rate
                )
        if number in marks:
            grade, success = mean_grade(actor, says, environment, looks, settings.checkpoint_episodes)
            low, middle, high, deviation = (float(each) for each in (raw.min(), raw.mean(), raw.max(), raw.std()))
            checkpoints.append(PolicyCheckpoint(number * size, grade, low, middle, high, deviation, success))
            if watch is not None:
                watch(grade)
    grade, success = mean_grade(actor, says, environment, test, settings.graded_episodes)
    return TrainedPolicy(grade, tuple(checkpoints), Policy(actor, says), success, begun)


def _improve(
    actor: Net,
    says: Head,
    critic: Net,
    x: Floats,
    drawn: Actions,
    old_logs: Floats,
    advantage: Floats,
    returns: Floats,
    settings: PolicySettings,
    rate: float,
) -> None:
    """One step of Adam on the clipped objective and one on the squared error of the value."""
    count = len(x)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    out, kept = actor.forward(x)
    logs, of_head = says.logs(out, drawn)
    ratio = np.exp(logs - old_logs)
    clipped = ((advantage > 0) & (ratio > 1 + settings.clip)) | ((advantage < 0) & (ratio < 1 - settings.clip))
    pull = np.where(clipped, 0.0, -advantage * ratio) / count
    slope = says.slope(of_head, drawn, pull, settings.entropy, rate, settings.gradient_norm)
    actor.adam(actor.backward(kept, slope), rate, settings.gradient_norm)
    value, kept_value = critic.forward(x)
    d_value = (value[:, 0] - returns)[:, None] / count
    critic.adam(critic.backward(kept_value, d_value), rate, settings.gradient_norm)


class Deviation:
    """Running standard deviation of the discounted return, by which rewards are divided."""

    def __init__(self, discount: float, episodes: int) -> None:
        self.discount = discount
        self.carried = np.zeros(episodes)
        self.count = 1e-4
        self.mean = 0.0
        self.squares = 0.0

    def normalise(self, rewards: Floats, batch: Batch) -> Floats:
        """The rewards of one rollout, (horizon, episodes), on the scale known so far."""
        ended = batch.ended.reshape(rewards.shape)
        seen = np.empty_like(rewards)
        for t in range(len(rewards)):
            self.carried = self.carried * self.discount + rewards[t]
            seen[t] = self.carried
            self.carried = np.where(ended[t], 0.0, self.carried)
        count, mean = seen.size, float(seen.mean())
        total = self.count + count
        shift = mean - self.mean
        self.squares += float(((seen - mean) ** 2).sum()) + shift * shift * self.count * count / total
        self.mean += shift * count / total
        self.count = total
        return np.asarray(rewards / (np.sqrt(self.squares / self.count) + 1e-12))
