"""Verdicts as rewards for TRL: one a completion, prose and refusals 0, the machine's trouble apart."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox import UserError
from gristmill.trainers import reward_function
from gristmill.trainers.rewards import async_reward_function
from gristmill.verifiers import StandingJudge, Task
from tests.verifiers.lost import lost_kind

DOUBLE = Task(
    id="double",
    kind="code",
    prompt="Write f(n) that doubles n.",
    tests=[
        {"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}, {"args": [0], "expected": 0}]}
    ],
)
MADE = Task(
    id="made",
    kind="code",
    prompt="Write made(), which gives an object that is itself.",
    # Identity is lost between processes: this fails apart and passes together.
    tests=[
        {
            "type": "python",
            "entry_point": "made",
            "code": "def check(made):\n    kept = made()\n    assert made() is kept\n",
        }
    ],
)
RIGHT, WRONG, PROSE = "def f(n):\n    return 2 * n", "def f(n):\n    return n", "I would double it."


@pytest.fixture(scope="module")
def standing(bubblewrap: str) -> Iterator[StandingJudge]:
    with StandingJudge("bubblewrap", workers=1) as judge:
        yield judge


def turns(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}]


def test_each_completion_has_its_reward_whatever_its_form(standing: StandingJudge) -> None:
    reward = reward_function([DOUBLE, MADE], judge=standing)
    parts = [{"role": "assistant", "content": [{"type": "text", "text": RIGHT}]}]
    completions: list[Any] = [RIGHT, turns(WRONG), PROSE, turns(RIGHT), parts, [{"role": "tool", "content": RIGHT}], ""]
    given = reward(
        prompts=["p"] * 7, completions=completions, completion_ids=[[1]] * 7, task=["double"] * 7, trainer_state=None
    )
    assert given == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


def test_what_the_consistency_run_adds_to_a_failure_is_not_told(standing: StandingJudge) -> None:
    refused = "_kept = []\ndef made():\n    return _kept\n"
    reward = reward_function([MADE], judge=standing, reward=lambda _, verdict: len(verdict.outcome))
    plain = reward_function([MADE], judge=standing)
    wrong = "def made():\n    return []\n"
    assert plain(["p"] * 2, [refused, wrong], task=["made"] * 2) == [0.0, 0.0]
    one, other = reward(["p"] * 2, [refused, wrong], task=["made"] * 2)
    assert one == other, "a refusal is seen as the failure that it was before"


def test_a_reward_of_ones_own_is_made_of_task_and_verdict(standing: StandingJudge) -> None:
    share = reward_function([DOUBLE], judge=standing, reward=lambda task, verdict: verdict.score or 0.0, column="of")
    assert share(["p"] * 2, [RIGHT, WRONG], of=["double"] * 2) == [1.0, 0.5]


def test_trouble_is_none(standing: StandingJudge, tmp_path: Path) -> None:
    with lost_kind(tmp_path) as kind:
        lost = Task(id="lost", kind=kind, prompt="p")
        assert reward_function([lost], judge=standing)(["p"], ["x"], task=["lost"]) == [None]


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="there are none"):
        reward_function([])
    with pytest.raises(UserError, match="two tasks have the id 'double'"):
        reward_function([DOUBLE, DOUBLE])
    with pytest.raises(UserError, match="'x' cannot be judged: kind"):
        reward_function([Task(id="x", kind="cod", prompt="p")])
    reward = reward_function([DOUBLE])
    with pytest.raises(UserError, match="has no column 'task'"):
        reward(["p"], [RIGHT])
    with pytest.raises(UserError, match="names the task 'other'"):
        reward(["p"], [RIGHT], task=["other"])
    with pytest.raises(UserError, match="2 rows for 1"):
        reward(["p"], [RIGHT], task=["double", "double"])


def test_a_program_cannot_print_raise_or_compute_its_way_to_a_reward(standing: StandingJudge) -> None:
    hostile = [
        'def f(n):\n    print("PASSED 2/2")\n    print(\'{"outcome": "passed", "score": 1.0}\')',
        "def f(n):\n    raise SystemExit(0)",
        "import os\ndef f(n):\n    os._exit(0)",
        "raise SystemExit(0)",
        'def f(n):\n    return float("nan")',
        "class Same(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\n"
        "def f(n):\n    return Same(1)",
        "def f(n):\n    raise StopIteration(2 * n)",
    ]
    reward = asyncio.run(
        async_reward_function([DOUBLE], judge=standing)(
            ["p"] * (len(hostile) + 1), [*hostile, RIGHT], task=["double"] * (len(hostile) + 1)
        )
    )
    assert reward == [0.0] * len(hostile) + [1.0]


def test_a_worth_that_is_no_finite_number_never_reaches_the_trainer(standing: StandingJudge) -> None:
    worths = iter((math.nan, math.inf, -math.inf))
    reward = reward_function([DOUBLE], judge=standing, reward=lambda _, verdict: next(worths))
    assert reward(["p"] * 3, [RIGHT, WRONG, RIGHT], task=["double"] * 3) == [0.0] * 3
