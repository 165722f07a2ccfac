"""`gristmill search ranges` (docs/functions.md): from a reward to priors, a search within them, and a final test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.commands.functions.starting import reward_source
from gristmill.trainers.cli import app
from gristmill.verifiers.trained.ranges.configuration import parse

OWN = f"{Path(__file__).resolve().parents[2] / 'typing' / 'own_environment.py'}:Far"
RIGHT = "def reward(obs, action, next_obs, info):\n    return next_obs[:, 0] - obs[:, 0]\n"
# Trained for longer than the example: a policy that always goes right, whatever the seed.
LONGER = """
from dataclasses import replace

from tests.typing.own_environment import Far


class Farther(Far):
    training = replace(Far.training, steps=8192)
"""
FEW = ("--model", "mutate", "--hypotheses", "3", "--seeds", "1", "--sandbox", "bubblewrap", "--name", "far")


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--plugin-files", *words, "--workspace", str(folder)])


def search(folder: Path, *words: str) -> Result:
    return call(folder, "search", "ranges", *words)


def test_ranges_are_searched_for_within_priors_and_tested_apart(tmp_path: Path, bubblewrap: str) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "longer.py").write_text(LONGER, encoding="utf-8")
    reward, world = str(tmp_path / "right.py"), f"{tmp_path / 'longer.py'}:Farther"
    first = search(tmp_path, world, reward, *FEW, "--target", "1", "--json")
    assert first.exit_code == 0, first.output
    assert "push 0.1: prior [0.09, 0.2], by the published rule [0.09, 0.2]; fails at 0.05" in first.stderr
    told = json.loads(first.stdout)
    (row,) = told["table"]
    assert row["kind"] == "ranges"
    assert row["rounds"] == 1
    # A run whose name is taken is refused before anything is trained for it.
    taken = search(tmp_path, world, reward, *FEW)
    assert taken.exit_code == 2
    assert "priors" not in taken.output
    # More rounds: what it was begun with is the stored run's, and the reward is not read again.
    again = search(tmp_path, world, "gone.py", "--name", "far", "--resume", "--rounds", "2", "--json")
    assert again.exit_code == 0, again.output
    (row,) = json.loads(again.stdout)["table"]
    assert row["rounds"] == 2
    assert call(tmp_path, "winner", "far", "--out", str(tmp_path / "ranges.py")).exit_code == 0
    evidence: dict[str, Any] = json.loads((tmp_path / "ranges.py.json").read_text("utf-8"))
    assert evidence["held_out"] is not None
    assert evidence["metrics"]["worst_tenth"] <= evidence["score"]
    assert parse((tmp_path / "ranges.py").read_text("utf-8"), {"push": (0.09, 0.2)})
    # What this run is for is no reward.
    wrong = search(tmp_path, world, "far", *FEW[:-1], "other")
    assert wrong.exit_code == 2
    assert "the run 'far' searches for a ranges" in wrong.output


def test_an_estimate_trains_and_stores_nothing(tmp_path: Path) -> None:
    told = search(tmp_path, "mountain_car", "human", "--estimate", "--model", "mutate")
    assert told.exit_code == 0, told.output
    assert "at most 16 candidates by 3 trainings of 98,304 steps, before it 3 and a sweep" in told.output
    assert "priors  " not in told.output
    assert "no runs yet" in call(tmp_path, "runs").output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("moon", "human"), "environment: 'moon' is none of acrobot"),
        (("pendulum", "best"), "REWARD: 'best' is none of human, sparse, no FILE.py, and no run of the workspace"),
        (("pendulum", "missing.py"), "REWARD: missing.py cannot be read"),
        (("pendulum", "human", "--resume"), "--resume needs the --name of the run"),
        (("pendulum", "human", "--success", "0"), "--success"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = search(tmp_path, *words)
    assert done.exit_code == 2
    assert says in done.output


def test_a_reward_is_the_winner_of_a_run_too(tmp_path: Path, bubblewrap: str) -> None:
    rows = [{"text": f"```python\n{RIGHT}```", "round": 0}]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = f"replay:{tmp_path / 'replies.jsonl'}"
    words = ("--model", model, "--hypotheses", "1", "--rounds", "1", "--seeds", "1", "--sandbox", "bubblewrap")
    assert call(tmp_path, "search", "reward", OWN, *words, "--target", "0.1", "--name", "won").exit_code == 0
    assert reward_source(OWN, "won", str(tmp_path)).strip() == RIGHT.strip()
