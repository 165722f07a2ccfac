"""A reward or a loss that hangs, or eats memory, costs its own verdict: that of whoever is judged beside it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.trained.base import TrainedVerifier
from gristmill.verifiers.trained.loss.preferences import PreferencePairs
from gristmill.verifiers.trained.loss.problem import NetworkSettings
from gristmill.verifiers.trained.loss.verifier import LossVerifier
from gristmill.verifiers.trained.reward.verifier import RewardVerifier

# Nobody's answers come near this limit: who hangs within it is still hanging when the others are done.
LONG, SHORT = Limits(wall_seconds=3000, cpu_seconds=3000), Limits(wall_seconds=5, cpu_seconds=3000)
REWARD = Task(
    id="r", kind="reward", prompt="?", environment="mountain_car", settings={"seeds": 1}, target=0.9, limits=LONG
)
LOSS = Task(id="l", kind="loss", prompt="?", problem="preference_pairs", settings={"seeds": 1}, target=0.3, limits=LONG)
SPEED = (
    "import numpy as np\n\ndef reward(obs, action, next_obs, info):\n    {wrong}return 10 * np.abs(next_obs[:, 1])\n"
)
DPO = (
    "import torch.nn.functional as F\n\n"
    "def loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):\n    {wrong}"
    "return -F.logsigmoid(beta * (policy_chosen - reference_chosen - policy_rejected + reference_rejected)).mean()\n"
)
HANGS = "while True: pass\n    "
EATS = "kept = []\n    while True: kept.append(bytearray(1 << 26))\n    "
CASES = [
    pytest.param(RewardVerifier, REWARD, SPEED, id="reward"),
    pytest.param(LossVerifier, LOSS, DPO, id="loss"),
]


@pytest.fixture
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


@pytest.mark.parametrize(("verifier", "task", "program"), CASES)
async def test_one_that_hangs_or_eats_memory_costs_its_own_verdict_alone(
    verifier: type[TrainedVerifier], task: Task, program: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if task.kind == "loss":
        pytest.importorskip("torch")
        # Its own training takes 60 epochs, and most of this test's time.
        monkeypatch.setattr(PreferencePairs, "training", NetworkSettings(epochs=8, batch=128, learning_rate=4e-3))
    judge, brief = verifier(pool), task.model_copy(update={"limits": SHORT})
    hung = asyncio.create_task(judge.verify(task, program.format(wrong=HANGS)))
    eaten = asyncio.create_task(judge.verify(task, program.format(wrong=EATS)))
    found = await judge.verify(task, program.format(wrong=""))
    assert found.outcome is Outcome.PASSED, found.feedback
    assert not hung.done()
    # A search that is ended by Ctrl-C lets go of it so; its place is another's then.
    hung.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hung
    stopped, filled = await judge.verify(brief, program.format(wrong=HANGS)), await eaten
    assert (stopped.outcome, stopped.score) == (Outcome.TIMEOUT, 0.0)
    assert (filled.outcome, filled.score) == (Outcome.OUT_OF_MEMORY, 0.0)
