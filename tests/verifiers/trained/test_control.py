"""Environments of gymnasium's and their trainer: rewards set after a rollout, a process each, and wrappers for use."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.verifiers.plugins import ContractError
from gristmill.verifiers.trained.halving import Behind
from gristmill.verifiers.trained.reward.control import process
from gristmill.verifiers.trained.reward.control.environment import TRAINING, GymnasiumWorld
from gristmill.verifiers.trained.reward.environment import Floats, Quantity
from gristmill.verifiers.trained.reward.environments import environment, environment_spec
from gristmill.verifiers.trained.reward.trainer import Batch, Deviation, TrainedPolicy
from gristmill.verifiers.trained.verifier import Deadline

pytest.importorskip("stable_baselines3", reason="the extra 'control' is not installed")
gymnasium = pytest.importorskip("gymnasium")

NAMES = ("reacher", "lunar_lander", "swimmer", "hopper", "half_cheetah", "bipedal_walker")
SHORT = replace(
    TRAINING,
    steps=2 * 256,
    episodes=4,
    horizon=64,
    epochs=2,
    minibatches=4,
    checkpoints=2,
    checkpoint_episodes=2,
    graded_episodes=2,
)


class Poles(GymnasiumWorld):
    name, id = "poles", "CartPole-v1"
    story = dynamics = measure = grading = "?"
    observation = tuple(Quantity(str(column), -5, 5) for column in range(4))
    actions = ("left", "right")
    episode_steps = 20
    baselines: dict[str, str] = {}

    def progress(self, env: Any) -> float:
        return 1.0


class Lost(Poles):
    def progress(self, env: Any) -> float:
        os._exit(3)


class Faulty(Poles):
    def progress(self, env: Any) -> float:
        raise KeyError("height")


class Wide(Poles):
    observation = Poles.observation[:3]


def upright(batch: Batch) -> Floats:
    return 1.0 - np.abs(batch.next_observation[:, 2])


@pytest.mark.parametrize("name", NAMES)
def test_the_reward_by_hand_is_gymnasium_s_own(name: str) -> None:
    """To the last digit where observations suffice; of a runner's, the speed is that of the moment, not of the step."""
    world = environment_spec(name)
    names: dict[str, Any] = {}
    exec(world.baselines["human"], names)
    env = world.make()  # type: ignore[attr-defined]  # one of gymnasium's
    seen, _ = env.reset(seed=0)
    env.action_space.seed(0)
    ours, theirs, progress = [], [], []
    for _ in range(400):
        action = env.action_space.sample()
        after, reward, terminated, truncated, _ = env.step(action)
        rows = (np.asarray(each, dtype=np.float64)[None] for each in (seen, action, after))
        made = names["reward"](*rows, {})[0]
        progress.append(world.progress(env))  # type: ignore[attr-defined]
        if not terminated:
            ours.append(made)
            theirs.append(reward)
        seen = env.reset()[0] if terminated or truncated else after
    env.close()
    assert 0 <= min(progress) <= max(progress) <= 1
    if name in ("reacher", "lunar_lander"):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    else:
        assert np.corrcoef(ours, theirs)[0, 1] > 0.85


def test_what_stands_in_gymnasium_has_no_physics_to_set() -> None:
    with pytest.raises(UserError, match="runs in gymnasium"):
        environment("reacher")


def test_without_the_extra_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(UserError, match=r"pip install 'gristmill\[control\]'"):
        process.train(upright, Poles(), 0, SHORT)


def test_returns_are_made_of_the_answers_given_after_the_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from gristmill.verifiers.trained.reward.control import ppo

    batches: list[Batch] = []
    found: list[tuple[Any, ...]] = []

    def reward(batch: Batch) -> Floats:
        batches.append(batch)
        return upright(batch)

    def looked_at(self: Any) -> None:
        buffer, batch = self.rollout_buffer, batches[-1]
        after = self._value(ppo._seen(batch.next_observation, self.running.quantities))
        found.append((batch, after, buffer.values.copy(), buffer.advantages.copy(), buffer.returns.copy()))

    monkeypatch.setattr("gristmill.verifiers.trained.reward.control.ppo.PPO.train", looked_at)
    before = torch.get_num_threads()
    try:
        ppo.train(reward, Poles(), 5, SHORT)
    finally:
        torch.set_num_threads(before)
    assert len(found) == 2
    scale, shape = Deviation(SHORT.discount, SHORT.episodes), (SHORT.horizon, SHORT.episodes)
    for batch, after, values, advantages, returns in found:
        rewards = scale.normalise(upright(batch).reshape(shape), batch)
        over, ended = batch.terminated.reshape(shape), batch.ended.reshape(shape)
        assert batch.truncated.any()
        assert over.any()
        surprise = rewards + SHORT.discount * after.reshape(shape) * ~over - values
        running = np.zeros(SHORT.episodes)
        for t in reversed(range(SHORT.horizon)):
            running = surprise[t] + SHORT.discount * SHORT.trace * ~ended[t] * running
            np.testing.assert_allclose(advantages[t], running, atol=1e-4)
        np.testing.assert_allclose(returns, advantages + values, atol=1e-5)


@pytest.fixture(scope="module")
def trained() -> list[tuple[TrainedPolicy, list[Batch]]]:
    """Two trainings of one seed at the same time."""
    made: list[tuple[TrainedPolicy, list[Batch]]] = []
    grades: list[float] = []

    def one() -> None:
        batches: list[Batch] = []

        def reward(batch: Batch) -> Floats:
            batches.append(batch)
            return np.asarray(-np.hypot(*batch.next_observation[:, 8:].T))

        policy = process.train(reward, environment_spec("reacher"), 3, SHORT, watch=grades.append)  # type: ignore[arg-type]
        made.append((policy, batches))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(grades) == sorted(mark.grade for policy, _ in made for mark in policy.checkpoints)
    return made


def test_a_reward_is_called_once_a_rollout_with_steps_as_they_were(trained: Any) -> None:
    policy, batches = trained[0]
    assert [len(batch.action) for batch in batches] == [256, 256]
    for batch in batches:
        rows = {name: getattr(batch, name).reshape(64, 4, -1) for name in ("observation", "next_observation")}
        ended = batch.ended.reshape(64, 4)
        assert ended.any()
        followed = (rows["observation"][1:] == rows["next_observation"][:-1]).all(axis=2)
        assert (followed == ~ended[:-1]).all()
        assert batch.observation.dtype == batch.action.dtype == np.float64
        assert np.abs(batch.action).max() <= 1
    ages = np.flatnonzero(batches[0].ended.reshape(64, 4)[:, 0])
    assert ages.tolist() == [49]
    assert not batches[0].terminated.any()
    assert [mark.steps for mark in policy.checkpoints] == [256, 512]
    assert policy.checkpoints[0].reward_max < 0
    assert 0 < policy.grade < 1


def test_one_seed_gives_one_result_whatever_else_is_trained(trained: Any) -> None:
    (first, seen), (second, also) = trained
    assert first == second
    np.testing.assert_array_equal(seen[1].observation, also[1].observation)


def stop(grade: float) -> None:
    raise Behind("a quarter was enough")


def test_a_training_ends_at_its_deadline_or_where_it_is_not_worth_its_time_and_is_lost_alone() -> None:
    with pytest.raises(Behind, match="a quarter"):
        process.train(upright, Poles(), 0, SHORT, watch=stop)
    with pytest.raises(Deadline):
        process.train(upright, Poles(), 0, SHORT, time.monotonic())
    with pytest.raises(SandboxError, match="exit status 3"):
        process.train(upright, Lost(), 0, SHORT)
    with pytest.raises(ContractError, match=r"test_control.py: Faulty gave in a training: KeyError: 'height'"):
        process.train(upright, Faulty(), 0, SHORT)


def test_what_does_not_fit_its_description_is_told() -> None:
    from gristmill.verifiers.trained.reward.control.environment import try_out

    try_out(Poles(), "poles")
    with pytest.raises(UserError, match=r"wide: an observation's shape is \(4,\), and as it describes itself \(3,\)"):
        try_out(Wide(), "wide")
    with pytest.raises(UserError, match="faulty cannot take a step: KeyError"):
        try_out(Faulty(), "faulty")


def test_wrappers_call_a_reward_as_the_judge_does() -> None:
    from stable_baselines3.common.vec_env import DummyVecEnv

    from gristmill.verifiers.trained.reward.control.ppo import _Episodes
    from gristmill.verifiers.trained.reward.wrappers import RewardWrapper, VecRewardWrapper

    world = environment_spec("reacher")
    judged = _Episodes(world, replace(SHORT, episodes=2), 7)  # type: ignore[arg-type]  # one of gymnasium's
    asked: dict[str, list[tuple[Any, ...]]] = {"one": [], "many": []}

    def watching(who: str) -> Any:
        def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
            asked[who].append((obs, action, next_obs))
            assert info == {}
            near = -np.hypot(next_obs[:, 8], next_obs[:, 9])
            return near, {"near": near}

        return reward

    def made() -> Any:
        return gymnasium.make("Reacher-v5")

    one = RewardWrapper(made(), watching("one"))
    many = VecRewardWrapper(DummyVecEnv([made, made]), watching("many"))
    judged.reset()
    one.reset(seed=judged._first[0])
    many.venv._seeds = list(judged._first)  # as `seed` sets them, each its own
    many.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 2, 2)).astype(np.float32)
    for pair in actions:
        judged.step(pair)
        _, paid, terminated, truncated, info = one.step(pair[0])
        assert info["components"] == {"near": paid}
        assert info["native_reward"] != paid
        if terminated or truncated:
            one.reset()
        many.step(pair)
    batch = judged.batch()
    rows = (batch.observation, batch.action, batch.next_observation)
    for wrapped, judge in zip(zip(*asked["many"], strict=True), rows, strict=True):
        np.testing.assert_allclose(np.concatenate(wrapped), judge, atol=1e-6)
    for wrapped, judge in zip(zip(*asked["one"], strict=True), rows, strict=True):
        np.testing.assert_allclose(np.concatenate(wrapped), judge[::2], atol=1e-12)
