"""What reaches the target in a search is trained as often again: a few trainings reach one by chance too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from statistics import fmean

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Outcome, Seeds, Task, Verdict
from gristmill.verifiers.trained.concluding import confirming
from gristmill.verifiers.trained.external.program import OwnTrainer
from gristmill.verifiers.trained.external.verifier import CommandVerifier, own_task
from gristmill.verifiers.trained.reward.verifier import PROFILE, RewardTraining
from gristmill.verifiers.trained.serving import Solution
from gristmill.verifiers.trained.verifier import judge_trained
from tests.verifiers.attacks.fitness import Signs

REWARD = "def reward(obs, action, next_obs, info):\n    return 1.0 * ((obs[:, 0] > 0) == (action == 1))\n"
TASK = Task(id="r", kind="reward", prompt="?", environment="signs", settings={"seeds": 2})


@pytest.fixture
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def test_only_what_reaches_the_target_of_a_search_is_confirmed() -> None:
    task = TASK.model_copy(update={"target": 0.9})
    assert confirming(task, Seeds(), [1.0, 0.8]) == Seeds(first=2, count=2)
    assert confirming(task, Seeds(), [1.0, 0.79]) is None
    assert confirming(task, Seeds(draw="final"), [1.0, 1.0]) is None


async def test_a_pass_is_by_twice_as_many_trainings(pool: Pool) -> None:
    async def judged(seeds: int, target: float, *, confirm: bool) -> Verdict:
        task = TASK.model_copy(update={"target": target, "settings": {"seeds": seeds}})
        offered, training = Solution(REWARD, "reward", Limits(), PROFILE), RewardTraining(Signs(), "reward/4")
        return await judge_trained(pool, task, offered, training, b"a secret", confirm=confirm)

    whole = await judged(4, 1.0, confirm=False)
    first, all_ = fmean(whole.replicates[:2]), fmean(whole.replicates)
    assert first > all_, "of this secret, the first two seeds are the lucky ones"
    lucky = await judged(2, first, confirm=True)
    assert (lucky.outcome, lucky.replicates) == (Outcome.FAILED, whole.replicates)
    assert lucky.score == pytest.approx(all_)
    assert (lucky.metrics["seeds"], lucky.courses) == (4, ())
    assert "the first 2 alone had reached it, by chance" in lucky.feedback
    good = await judged(2, all_ - 1e-9, confirm=True)
    assert (good.outcome, good.replicates, good.courses) == (Outcome.PASSED, whole.replicates, whole.courses[:2])
    assert (await judged(2, first, confirm=False)).outcome is Outcome.PASSED


async def test_so_is_what_a_program_of_the_user_s_scores(pool: Pool, tmp_path: Path) -> None:
    program = tmp_path / "lucky.py"
    program.write_text(
        "import json, pathlib, sys\n"
        "calls = pathlib.Path(__file__).with_name('calls')\n"
        "with calls.open('a') as file:\n"
        "    file.write(sys.argv[2] + '\\n')\n"
        "score = 1.0 if len(calls.read_text().split()) <= 2 else 0.5\n"
        "pathlib.Path(sys.argv[3]).write_text(json.dumps({'score': score}))\n",
        "utf-8",
    )
    verifier = CommandVerifier(pool)
    verifier.trainer = OwnTrainer(f"python {program}", 60.0)
    verdict = await verifier.verify(own_task("?", 0.9, {"seeds": 2}), "x = 1\n")
    assert (verdict.outcome, verdict.replicates) == (Outcome.FAILED, (1.0, 1.0, 0.5, 0.5))
    assert len(set((tmp_path / "calls").read_text("utf-8").split())) == 4, "each by a seed of its own"
