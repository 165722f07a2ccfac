"""Trains a policy by stable-baselines3's PPO with whatever reward it is given; runs in a process of its own.

Sources: Schulman et al. 2017; Raffin et al. 2021. Two departures of stable-baselines3's way. (1) The reward is called
once a rollout, on all its steps: the environment's own is never looked at, and what stable-baselines3 makes of rewards
while it steps (values beyond a time limit, advantages) is made again afterwards, from the candidate's. (2) Observations
are scaled by what is said of them, and rewards divided by their running deviation, both here, on the judge's side.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from gristmill.verifiers.trained.reward.control.environment import GymnasiumWorld, Simulation
from gristmill.verifiers.trained.reward.environment import (
    Actions,
    Ended,
    Floats,
    PolicySettings,
    Quantity,
    is_continuous,
)
from gristmill.verifiers.trained.reward.policy import features
from gristmill.verifiers.trained.reward.trainer import (
    Batch,
    Deviation,
    PolicyCheckpoint,
    RewardFunction,
    TrainedPolicy,
)
from gristmill.verifiers.trained.verifier import Watch, share

__all__ = ["train"]


def _seen(observation: Floats, quantities: Any) -> NDArray[np.float32]:
    """What the policy reads of observations."""
    return features(observation, quantities).astype(np.float32)


class _Episodes(DummyVecEnv):
    """Episodes side by side, whose steps are kept: as the world tells them, before any reset."""

    def __init__(self, world: Simulation, settings: PolicySettings, seed: int) -> None:
        def one() -> Any:
            return gymnasium.wrappers.TimeLimit(world.make(), world.episode_steps)

        super().__init__([one] * settings.episodes)
        self.quantities: tuple[Quantity, ...] = tuple(world.observation)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (len(self.quantities),), np.float32)
        self._first = [int(each) for each in np.random.SeedSequence(seed).generate_state(settings.episodes)]
        self._now = np.zeros((settings.episodes, len(self.quantities)))
        self._kept: list[tuple[Any, ...]] = []

    def reset(self) -> Any:
        for number, (env, seed) in enumerate(zip(self.envs, self._first, strict=True)):
            self._now[number] = env.reset(seed=seed)[0]
        return _seen(self._now, self.quantities)

    def step_wait(self) -> Any:
        after, following = np.empty_like(self._now), np.empty_like(self._now)
        terminated, truncated = (np.zeros(self.num_envs, dtype=bool) for _ in range(2))
        for number, (env, action) in enumerate(zip(self.envs, self.actions, strict=True)):
            after[number], _, terminated[number], truncated[number], _ = env.step(action)
            following[number] = after[number]
            if terminated[number] or truncated[number]:
                following[number] = env.reset()[0]
        truncated &= ~terminated
        self._kept.append((self._now, np.array(self.actions), after, terminated, truncated))
        self._now = following
        nothing: list[dict[str, Any]] = [{} for _ in self.envs]
        return _seen(following, self.quantities), np.zeros(self.num_envs, np.float32), terminated | truncated, nothing

    def batch(self) -> Batch:
        """All steps since it was asked last."""
        obs, action, after, terminated, truncated = (np.concatenate(each) for each in zip(*self._kept, strict=True))
        self._kept = []
        taken: Actions = action.astype(np.int64) if action.ndim == 1 else action.astype(np.float64)
        return Batch(obs, taken, after, terminated, truncated)


class _RewardedPPO(PPO):
    """PPO whose rewards are set when a rollout is over."""

    reward: RewardFunction
    running: _Episodes
    settings: PolicySettings
    scale: Deviation
    raw: Floats
    marks: dict[int, Any]

    def _value(self, seen: NDArray[np.float32]) -> Floats:
        with torch.no_grad():
            return np.asarray(self.policy.predict_values(torch.as_tensor(seen))[:, 0].numpy(), dtype=np.float64)

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Collect, have the candidate judge all steps, and compute returns and advantages from its answers."""
        goes_on = super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        batch = self.running.batch()
        self.raw = self.reward(batch)
        shape = rollout_buffer.rewards.shape
        rewards = self.scale.normalise(self.raw.reshape(shape), batch)
        if self.settings.bootstrap and batch.truncated.any():
            beyond = np.zeros(len(batch.truncated))
            cut = batch.truncated
            beyond[cut] = self._value(_seen(batch.next_observation[cut], self.running.quantities))
            rewards = rewards + self.gamma * beyond.reshape(shape)
        rollout_buffer.rewards[:] = rewards
        last = torch.as_tensor(self._value(np.asarray(self._last_obs, dtype=np.float32))[:, None])
        rollout_buffer.compute_returns_and_advantage(last_values=last, dones=np.asarray(self._last_episode_starts))
        return goes_on

    def train(self) -> None:
        """Learn from the rollout, and measure where that is due."""
        super().train()
        if mark := self.marks.pop(self.num_timesteps, None):
            mark()


def train(
    reward: RewardFunction, world: Simulation, seed: int, settings: PolicySettings, watch: Watch | None = None
) -> TrainedPolicy:
    """Train one policy from nothing with `reward` and grade it on fresh episodes.

    `reward` is called once a rollout, with ``horizon * episodes`` rows. Randomness is the process's: one training each.
    `watch` hears of the grade at each checkpoint.
    """
    torch.set_num_threads(1)
    # Independent streams: how a candidate's reward changes the training cannot change the episodes it is tested on.
    began, learned, looks, test = (int(each) for each in np.random.SeedSequence(seed).generate_state(4))
    running = _Episodes(world, settings, began)
    model = _RewardedPPO(
        "MlpPolicy",
        running,
        learning_rate=lambda left: settings.learning_rate * left,
        n_steps=settings.horizon,
        batch_size=settings.episodes * settings.horizon // settings.minibatches,
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.trace,
        clip_range=settings.clip,
        ent_coef=settings.entropy,
        max_grad_norm=settings.gradient_norm,
        policy_kwargs={"net_arch": [settings.hidden, settings.hidden]},
        seed=learned,
        device="cpu",
    )
    model.reward, model.running, model.settings = reward, running, settings
    model.scale = Deviation(settings.discount, settings.episodes)
    size = settings.episodes * settings.horizon
    rollouts = settings.steps // size
    checkpoints: list[PolicyCheckpoint] = []

    def mark() -> None:
        chance = np.random.default_rng([looks, len(checkpoints)])
        grade, success = _graded(model, world, chance, settings.checkpoint_episodes)
        raw = model.raw
        low, mean, high, spread = (float(each) for each in (raw.min(), raw.mean(), raw.max(), raw.std()))
        checkpoints.append(PolicyCheckpoint(model.num_timesteps, grade, low, mean, high, spread, success=success))
        if watch is not None:
            watch(grade)

    places = {round((k + 1) * rollouts / settings.checkpoints) for k in range(settings.checkpoints)}
    model.marks = {place * size: mark for place in places}
    model.learn(rollouts * size)
    running.close()
    grade, success = _graded(model, world, np.random.default_rng(test), settings.graded_episodes)
    return TrainedPolicy(grade, tuple(checkpoints), success=success)


def _graded(model: PPO, world: Simulation, generator: np.random.Generator, count: int) -> tuple[float, float | None]:
    """Of `count` fresh episodes with the policy's likeliest action: the mean grade, and the share of successes, which
    is None where nobody has said what a success is."""
    envs = [world.make() for _ in range(count)]
    states = np.array([env.reset(seed=int(generator.integers(2**31)))[0] for env in envs], dtype=np.float64)
    succeeded, steps = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
    summed, nearest = np.zeros(count), np.zeros(count)
    alive = list(range(count))
    while alive:
        said, _ = model.predict(_seen(states[alive], tuple(world.observation)), deterministic=True)
        over = set()
        for place, action in zip(alive, said if is_continuous(world.actions) else said.tolist(), strict=True):
            env = envs[place]
            states[place], _, terminated, truncated, _ = env.step(action)
            steps[place] += 1
            now = min(1.0, max(0.0, float(world.progress(env))))
            summed[place] += now
            nearest[place] = max(nearest[place], now)
            succeeded[place] |= world.succeeded(env)
            if terminated or truncated or steps[place] >= world.episode_steps:
                over.add(place)
        alive = [place for place in alive if place not in over]
    for env in envs:
        env.close()
    grade = share(float(np.mean(world.grade(Ended(states, succeeded, steps, summed / steps, nearest)))))
    told = getattr(type(world), "succeeded", None) is not GymnasiumWorld.succeeded
    return grade, float(succeeded.mean()) if told else None
