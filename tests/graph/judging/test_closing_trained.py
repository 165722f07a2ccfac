"""The close of a search for a reward or a loss: fresh seeds find the winner, and final ones score it, opened once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits, Profile
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.scripted import RescoringJudge
from gristmill.verifiers.trained.halving import STOPPED
from gristmill.verifiers.trained.serving import Solution
from gristmill.verifiers.trained.verifier import judge_trained, split_of

OWN = Path(__file__).resolve().parents[2] / "typing" / "own_environment.py"
RIGHT = "def reward(obs, action, next_obs, info):\n    return next_obs[:, 0] - obs[:, 0]\n"
FASTER = RIGHT.replace("return ", "return 2.0 * (").replace("obs[:, 0]\n", "obs[:, 0])\n")


def call(folder: Path, *words: str) -> Result:
    done = CliRunner().invoke(app, ["--plugin-files", *words, "--workspace", str(folder)])
    assert done.exit_code == 0, done.output
    return done


def test_a_reward_that_was_found_is_trained_again_and_what_is_final_is_opened_once(
    bubblewrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By seeds of chance, which the secret and the file's name make, nothing is known of two trainings of 512 steps.
    monkeypatch.setattr("gristmill.graph.judging.secret.secrets.token_hex", lambda size: "a7" * size)
    monkeypatch.chdir(OWN.parent)
    rows = [{"text": f"```python\n{each}```", "round": number} for number, each in enumerate((RIGHT, FASTER))]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    few = ("--hypotheses", "1", "--rounds", "2", "--seeds", "1", "--final-seeds", "2", "--sandbox", "bubblewrap")
    asked = (
        "search",
        "reward",
        "own_environment.py:Far",
        "--model",
        f"replay:{tmp_path / 'replies.jsonl'}",
        "--target",
        "1",
    )
    out = call(tmp_path, *asked, *few, "--name", "far").output
    assert "at the close 10 to find the winner and score it by fresh seeds" in out
    assert "re-score" in out
    assert ", final " in out
    (row,) = json.loads(call(tmp_path, "show", "far", "--json").stdout)["table"]
    closing = row["closing"]
    won = next(each for each in closing["finalists"] if each["hypothesis"] == closing["winner"])
    assert (closing["noisy"], closing["confirmed"], len(closing["finalists"])) == (True, True, 2)
    assert won["replicates"] == 2
    assert None not in (won["rescore"], won["held_out"])
    assert closing["openings"] == [closing["winner"]]
    other = next(each["hypothesis"] for each in closing["finalists"] if each["hypothesis"] != closing["winner"])
    (known,) = json.loads(call(tmp_path, "show", "far", "--held-out", closing["winner"], "--json").stdout)
    assert (known["held_out"], len(known["openings"]), len(known["scores"])) == (won["held_out"], 1, 2)
    assert "opened again" not in call(tmp_path, "show", "far", "--held-out", closing["winner"]).output
    assert "held out was opened 2 times: " in call(tmp_path, "show", "far", "--held-out", other).output


class Seen:
    """A training that learns nothing, and says by which seeds it was asked."""

    verifier, measure, subject = "seen/1", "number", "What was trained"

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def probe(self, served: Any, chance: np.random.Generator) -> None: ...

    def train(self, served: Any, seed: int, deadline: float, watch: Any = None) -> tuple[float, None]:
        self.seeds.append(seed)
        return 0.5, None

    def rechecks(self, record: None, chance: np.random.Generator) -> list[Any]:
        return []

    def metrics(self, records: Any) -> dict[str, float]:
        return {}

    def feedback(self, target: float, records: Any) -> str:
        return ""


async def test_no_seed_of_a_search_is_one_of_its_close_and_equal_draws_are_equal(bubblewrap: str) -> None:
    """And who is behind the best one known is stopped in the search alone: what chooses and scores is trained."""
    task = Task(id="t", kind="reward", prompt="?", environment="mountain_car", settings={"seeds": 5})
    offered = Solution(RIGHT, "reward", Limits(), Profile(name="reward"))
    draws = [Seeds(), *(Seeds(draw="close", first=k, count=1) for k in range(3)), Seeds(draw="final", count=5)]
    assert [split_of(each) for each in draws] == ["search", *["selection"] * 3, "final"]
    found = []
    async with Pool.open("bubblewrap", size=1) as pool:
        for bar in ((), (), ((1.0,),) * 5, ((1.0,),)):
            seen, held = Seen(), task.model_copy(update={"bar": bar})
            stopped = [
                STOPPED in (await judge_trained(pool, held, offered, seen, b"owner", each)).metrics for each in draws
            ]
            found.append(seen.seeds)
            assert stopped == [len(bar) == 5, *[False] * 4]
    assert found[0] == found[1] == found[3]
    assert len(set(found[0])) == 5 + 3 + 5
    assert found[2] == [found[0][0], *found[0][5:]]


def verdict(score: float | None, outcome: Outcome = Outcome.FAILED, **metrics: float) -> Verdict:
    return Verdict(outcome=outcome, score=score, strength=Strength.TESTED, verifier="scripted/1", metrics=metrics)


def test_who_was_stopped_early_is_no_finalist_and_not_the_best_whatever_becomes_of_the_others(tmp_path: Path) -> None:
    first, second = "def reward(): return 1", "def reward(): return 2"
    judge = RescoringJudge(
        lambda task, solution: verdict(0.6, stopped=1.0) if solution.strip() == second else verdict(0.7),
        lambda task, solution, number: verdict(0.0, Outcome.INVALID),
    )
    task = Task(id="t", kind="reward", prompt="?", environment="mountain_car", target=0.95)
    model = ScriptedProposer(lambda request: f"```python\n{(first, second)[request.sample]}\n```")
    config = RunConfig.of(hypotheses=2, rounds=1, novelty=False)
    with Store.open(tmp_path) as store:
        asyncio.run(run_campaign([task], config, name="r", store=store, proposer=model, verifiers=judge))
        (standing,) = store.standings("r")
    assert standing.closing is not None
    assert [each.hypothesis for each in standing.closing.finalists] == ["t/0/0"]
    assert (standing.best, standing.closing.winner) == ("t/0/0", None)
    assert {solution.strip() for solution, _ in judge.looked} == {first}


@pytest.mark.parametrize("final", [0.8, None])
def test_who_is_no_function_any_more_by_the_final_seeds_steps_down_and_both_openings_are_told(
    tmp_path: Path, final: float | None
) -> None:
    """And who misses by fresh seeds the target that it had reached has not passed."""
    first, second = "def reward(): return 1", "def reward(): return 2"
    scores = {first: (0.97, 0.8), second: (0.96, 0.7)}
    judge = RescoringJudge(
        lambda task, solution: verdict(scores[solution.strip()][0], Outcome.PASSED),
        lambda task, solution, number: verdict(scores[solution.strip()][1] + number * 1e-3),
        held_out=lambda solution: final if solution.strip() == first else 0.69,
    )
    task = Task(id="t", kind="reward", prompt="?", environment="mountain_car", target=0.95)
    model = ScriptedProposer(lambda request: f"```python\n{(first, second)[request.sample]}\n```")
    config = RunConfig.of(hypotheses=2, rounds=1, novelty=False)
    with Store.open(tmp_path) as store:
        asyncio.run(run_campaign([task], config, name="r", store=store, proposer=model, verifiers=judge))
        (standing,) = store.standings("r")
    closing = standing.closing
    assert closing is not None
    assert closing.winner == ("t/0/0" if final else "t/0/1")
    assert closing.openings == ("t/0/0", *(() if final else ("t/0/1",)))
    assert ("no score by the final seeds" in closing.finalists[0].stepped_down) == (final is None)
    assert closing.of_winner is not None
    assert closing.of_winner.held_out == (final or 0.69)
    assert (standing.outcome, standing.solved) == (Outcome.FAILED, False)
