"""What a search keeps is a fitness: no reward and no loss comes to a higher one than by what it teaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.attacks import functions, losses, rewards
from gristmill.verifiers.attacks.records import Attack
from gristmill.verifiers.records import Outcome, Task, Verdict
from gristmill.verifiers.trained.loss import verifier as of_losses
from gristmill.verifiers.trained.loss.forms import form_of
from gristmill.verifiers.trained.reward import verifier as of_rewards
from gristmill.verifiers.trained.serving import CandidateFault, Solution
from gristmill.verifiers.trained.verifier import judge_trained
from tests.verifiers.attacks.fitness import Halves, Signs
from tests.verifiers.trained.test_reward import some_batch

pytest.importorskip("torch")
pytest.importorskip("sklearn")

SECRET = b"the same trainings for all"
LIMITS = Limits(wall_seconds=20, cpu_seconds=60)
REWARD = Task(id="r", kind="reward", prompt="?", environment="signs", target=1.0, settings={"seeds": 1}, limits=LIMITS)
LOSS = Task(id="l", kind="loss", prompt="?", problem="halves", target=1.0, settings={"seeds": 1}, limits=LIMITS)
GOOD = "def reward(obs, action, next_obs, info):\n    return 1.0 * ((obs[:, 0] * obs[:, 1] > 0) == (action == 1))\n"

FOR_REWARDS = [each for each in (*functions.ATTACKS, *rewards.ATTACKS) if "reward" in each.test_types]
FOR_LOSSES = [each for each in (*functions.ATTACKS, *losses.ATTACKS) if "loss" in each.test_types]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


async def of_reward(pool: Pool, source: str) -> Verdict:
    training = of_rewards.RewardTraining(Signs(), "reward/3")
    return await judge_trained(pool, REWARD, Solution(source, "reward", LIMITS, of_rewards.PROFILE), training, SECRET)


async def of_loss(pool: Pool, source: str) -> Verdict:
    limits = LIMITS.model_copy(update={"memory_mb": max(LIMITS.memory_mb, of_losses.TORCH_MB)})
    offered = Solution(source, "loss", limits, of_losses.PROFILE, form_of(Halves()).wrapper)
    return await judge_trained(pool, LOSS, offered, of_losses.LossTraining(Halves(), "loss/3"), SECRET)


def made(attack: Attack, task: Task) -> str:
    assert attack.make is not None
    return attack.make(task) or ""


def test_there_are_more_than_forty_mechanisms_and_each_has_a_name() -> None:
    names = [each.name for each in (*FOR_REWARDS, *FOR_LOSSES)]
    assert len(names) == len(set(names)) >= 70


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cores(pool: Pool) -> dict[str, float]:
    """What the honest twins come to; a function that teaches comes to far more, so that a higher fitness would show."""
    found = {"reward": await of_reward(pool, rewards.CORE), "loss": await of_loss(pool, losses.CORE)}
    assert ((await of_reward(pool, GOOD)).score or 0.0) > 0.7
    return {kind: verdict.score or 0.0 for kind, verdict in found.items()}


@pytest.mark.third
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", FOR_REWARDS, ids=lambda each: each.name)
async def test_no_attack_by_a_reward_raises_its_fitness(pool: Pool, cores: dict[str, float], attack: Attack) -> None:
    """A policy that has learned nothing is right in half of 512 steps, give or take a few."""
    _not_above(await of_reward(pool, made(attack, REWARD)), cores["reward"] + 0.1)


@pytest.mark.third
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", FOR_LOSSES, ids=lambda each: each.name)
async def test_no_attack_by_a_loss_raises_its_fitness(pool: Pool, cores: dict[str, float], attack: Attack) -> None:
    if attack.name != "labels-carried-along":  # which carries those of another problem: see test_loss.py
        _not_above(await of_loss(pool, made(attack, LOSS)), cores["loss"])


def _not_above(verdict: Verdict, most: float) -> None:
    assert not verdict.passed
    assert verdict.score is not None, verdict.feedback
    assert verdict.score <= most
    assert verdict.score == 0 or verdict.outcome is Outcome.FAILED


IN_ONE_PROCESS = """
import sys
from gristmill.verifiers.trained.reward import trainer
from tests.verifiers.attacks.fitness import Signs
names = {}
exec(sys.stdin.read(), names)
print(trainer.train(lambda b: names["reward"](b.observation, b.action, b.next_observation, {}), Signs(), 0).grade)
"""


@pytest.mark.parametrize("name", ["reward-that-walks-frames", "metric-replaced"])
def test_a_trainer_in_the_candidate_s_process_is_fooled(name: str) -> None:
    (attack,) = [each for each in FOR_REWARDS if each.name == name]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    source = made(attack, REWARD)
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS], input=source, capture_output=True, text=True, env=here, check=False
    )
    assert done.stdout.strip() == "1.0", done.stderr


@pytest.mark.parametrize("factor", [1e-7, 1.0, 1e7])
def test_rewards_of_any_size_are_asked_again_alike(factor: float) -> None:
    """A training divides by their deviation, so that no size may make an answer of chance seem rounding."""
    batches = [some_batch(rows) for rows in (12, 9)]

    def step(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        return factor * (np.abs(next_obs[:, 1]) + action)

    def rows(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        return step(obs, action, next_obs, info) + factor * 1e-3 * np.arange(len(obs))

    def vast(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        fortune = np.floor(next_obs[:, 1] * 1e9) % 5 == 0
        return np.where(fortune, 9e11, rows(obs, action, next_obs, info))

    of_rewards.recheck(step, [(each, of_rewards.ask(step, each)[0]) for each in batches], np.random.default_rng(0), 3)
    for reward in (rows, vast):
        recorded = [(each, of_rewards.ask(reward, each)[0]) for each in batches]
        with pytest.raises(CandidateFault, match="other rewards"):
            of_rewards.recheck(reward, recorded, np.random.default_rng(0), 3)
