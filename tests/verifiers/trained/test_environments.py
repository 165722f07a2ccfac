"""What a task's `environment` and `problem` can name, and the words that come from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gristmill.sandbox.errors import UserError
from gristmill.verifiers import Task, plugins, problems
from gristmill.verifiers.trained.loss.digits import DigitsLabelNoise
from gristmill.verifiers.trained.loss.problems import loss_task, problem
from gristmill.verifiers.trained.reward.environment import Ended, Floats, Parameter
from gristmill.verifiers.trained.reward.environments import environment, reward_task
from gristmill.verifiers.trained.reward.trainer import Batch, train
from gristmill.verifiers.trained.reward.verifier import RewardTraining
from gristmill.verifiers.trained.reward.worlds.mountain_car import MountainCar
from gristmill.verifiers.trained.verifier import share
from tests.typing.own_environment import Far

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "tasks"


class Hill(MountainCar):
    name = "hill"


class Flat(Far):
    def grade(self, ended: Ended) -> Floats:
        return ended.states


class Broken(Far):
    physics: tuple[Parameter, ...] = ()  # type: ignore[assignment]  # fewer than its step needs


class Digits(DigitsLabelNoise):
    name = "clean_digits"

    def __init__(self) -> None:
        super().__init__(noise=0.0)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("hills")
    vars(module).update(
        Hill=Hill, Flat=Flat, Broken=Broken, Digits=Digits, Nothing=type("Nothing", (), {"name": "nothing"})
    )
    monkeypatch.setitem(sys.modules, "hills", module)
    named = {
        "gristmill.environments": {
            "hill": "Hill",
            "mountain_car": "Hill",
            "nothing": "Nothing",
            "flat": "Flat",
            "broken": "Broken",
        },
        "gristmill.problems": {"clean_digits": "Digits", "digits_label_noise": "Digits"},
    }

    def points(group: str) -> list[EntryPoint]:
        return [EntryPoint(name, f"hills:{what}", group) for name, what in named.get(group, {}).items()]

    monkeypatch.setattr(plugins, "entry_points", points)
    plugins.installed.cache_clear()
    yield
    plugins.installed.cache_clear()


@pytest.mark.usefixtures("registered")
def test_a_package_adds_environments_and_problems_but_takes_over_none() -> None:
    assert type(environment("hill")) is Hill
    assert type(environment("mountain_car")) is MountainCar
    assert type(problem("clean_digits")) is Digits
    assert type(problem("digits_label_noise")) is DigitsLabelNoise
    assert problems(reward_task("hill")) == []
    assert problems(loss_task("clean_digits")) == []
    assert "0% of its training labels are wrong" in loss_task("clean_digits").prompt


@pytest.mark.usefixtures("registered")
def test_what_is_not_known_is_answered_with_what_is() -> None:
    assert problems(Task(id="r", kind="reward", prompt="?", environment="moon")) == [
        "environment: 'moon' is none of acrobot, bipedal_walker, broken, flat, half_cheetah, hill, hopper, "
        "lunar_lander, mountain_car, mountain_car_continuous, nothing, pendulum, reacher, swimmer, swing_up"
    ]
    assert problems(Task(id="l", kind="loss", prompt="?")) == [
        "problem: None is none of clean_digits, digits_label_noise, preference_lm, preference_pairs"
    ]


@pytest.mark.usefixtures("registered")
def test_what_an_environment_lacks_is_named() -> None:
    with pytest.raises(UserError, match=r"environment: 'nothing' lacks story, dynamics, observation, .*advice"):
        environment("nothing")


@pytest.mark.usefixtures("registered")
def test_an_environment_that_cannot_take_a_step_is_told_by_its_name() -> None:
    for name, why in (
        ("broken", "cannot take a step: KeyError: 'push'"),
        ("flat", "(3, 2), (3, 2), (3,), (3,), (3, 2)"),
    ):
        (sentence,) = problems(Task(id="r", kind="reward", prompt="?", environment=name))
        assert sentence.startswith(f"environment: {name!r}")
        assert why in sentence


def test_a_file_is_run_behind_its_flag_only() -> None:
    for task in (
        Task(id="r", kind="reward", prompt="?", environment="moon.py:Moon"),
        Task(id="l", kind="loss", prompt="?", problem="moon.py:Moon"),
    ):
        (why,) = problems(task)
        assert "--plugin-files" in why


def test_the_examples_speak_in_the_words_of_their_environment_and_problem() -> None:
    for file, example in (("reward", reward_task("mountain_car")), ("loss", loss_task("digits_label_noise"))):
        (row,) = map(json.loads, (EXAMPLES / f"{file}.jsonl").read_text("utf-8").splitlines())
        assert row["prompt"] == example.prompt


def test_a_reward_sees_what_is_observed_and_the_grade_what_is_hidden() -> None:
    seen = set()

    def rightwards(batch: Batch) -> Floats:
        seen.update({batch.observation.shape[1], batch.next_observation.shape[1]})
        return batch.next_observation[:, 0] - batch.observation[:, 0]

    policy = train(rightwards, Far(), 0)
    assert seen == {1}
    assert 0 <= policy.grade <= 1


def test_the_probe_asks_within_the_ranges_of_what_is_observed() -> None:
    asked: list[Any] = []

    def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        asked.extend((obs, next_obs))
        return np.zeros(len(action))

    probe = RewardTraining(Far(), "reward/1").probe
    probe(reward, np.random.default_rng(0))  # type: ignore[arg-type]  # a plain function answers as a served one
    assert {array.shape[1] for array in asked} == {1}
    assert np.abs(np.concatenate(asked)).max() <= 1


@pytest.mark.parametrize(("grade", "score"), [(0.5, 0.5), (1.5, 1.0), (-1.0, 0.0), (float("nan"), 0.0)])
def test_a_grade_is_brought_to_a_share_whatever_a_network_has_diverged_to(grade: float, score: float) -> None:
    assert share(grade) == score
