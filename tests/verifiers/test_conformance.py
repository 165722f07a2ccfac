"""Every verifier of ours keeps the contract, and the suite finds out those that do not."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.combine import all_of, any_of, weighted
from gristmill.verifiers.conformance import HOSTILE, Example, conformance
from gristmill.verifiers.constructions.catalogue import task_of
from gristmill.verifiers.functions import from_function
from gristmill.verifiers.reasoning.verifier import ASK
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import kinds, verifier_class

in_module = pytest.mark.asyncio(loop_scope="module")
SHORT = Limits(wall_seconds=5, cpu_seconds=5)
LONG = Limits(wall_seconds=120, cpu_seconds=120)
SPEED = "import numpy as np\ndef reward(obs, action, next_obs, info):\n    return 10.0 * np.abs(next_obs[:, 1])\n"
SYMMETRIC = """
import torch
import torch.nn.functional as F
def loss(logits, labels):
    wanted = F.one_hot(labels, 10).to(logits.dtype).clamp(min=1e-4)
    reverse = -(F.softmax(logits, 1) * wanted.log()).sum(1).mean()
    return 0.1 * F.cross_entropy(logits, labels) + reverse
"""
ALWAYS_EQUAL = "class A:\n    def __eq__(self, o):\n        return True\ndef f(x):\n    return A()\n"
NAN_REWARD = "import numpy as np\ndef reward(obs, action, next_obs, info):\n    return np.full(len(action), np.nan)\n"
TESTS: Any = [
    {"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 2}, {"args": [5], "expected": 6}]}
]
PYTHON: Any = [{"type": "python", "entry_point": "f", "code": "assert f(1) == 2\nassert f(5) == 6"}]
EXAMPLES = {
    "code": Example(
        task=Task(id="t", kind="code", prompt="p", tests=TESTS, limits=SHORT),
        good="def f(x):\n    return x + 1\n",
        bad=("def f(x):\n    return 2\n", "def f(x):\n    return float('nan')\n", "def f(x):\n    return None\n"),
    ),
    "code with a judge": Example(
        task=Task(id="t", kind="code", prompt="p", tests=PYTHON, limits=SHORT),
        good="def f(x):\n    return x + 1\n",
        bad=("def f(x):\n    return 2\n", "ALWAYS_EQUAL"),
    ),
    "math": Example(
        task=Task(id="t", kind="math", prompt="What is 17 + 25?", answer="42"),
        good="It is \\boxed{42}.",
        bad=("\\boxed{41}", "\\boxed{17+25}", "\\boxed{42} or \\boxed{43}", "\\boxed{\\infty}"),
    ),
    "instruction": Example(
        task=Task(
            id="t",
            kind="instruction",
            prompt="p",
            constraints=({"id": "startend:end_checker", "kwargs": {"end_phrase": "That is all."}},),
        ),
        good="Well. That is all.",
        bad=("That is all. No.", "that is"),
    ),
    "program": Example(
        task=task_of("minmax_distance_16_2d", target=18, limits=SHORT),
        good="def construct():\n    return [(i, j) for i in range(4) for j in range(4)]\n",
        bad=("def construct():\n    return [(0.0, float('nan'))] * 16\n", "def construct():\n    return None\n"),
        low=1.0,
        high=math.inf,
    ),
    "reasoning": Example(
        task=Task(
            id="t",
            kind="reasoning",
            prompt=f"State the final answer to the following arithmetic problem: 4 - 1 - 7 ={ASK}",
            check={"dataset": "chain_sum", "seed": 1, "size": 2, "index": 0, "version": "0.1.25"},
        ),
        good="4 - 1 is 3. <answer>-4</answer>",
        bad=("<answer>4</answer>", "<answer>nan</answer>", "<answer>-4</answer> or <answer>4</answer>"),
    ),
    "reward": Example(
        task=Task(id="t", kind="reward", prompt="p", environment="mountain_car", settings={"seeds": 1}, limits=LONG),
        good=SPEED,
        bad=(NAN_REWARD,),
    ),
    "ranges": Example(
        task=Task(
            id="t",
            kind="ranges",
            prompt="p",
            environment="mountain_car",
            settings={"seeds": 1, "reward": SPEED, "priors": {"force": [0.0009, 0.002]}},
            limits=LONG,
        ),
        good="force = [0.001, 0.0012]\n",
        bad=("force = [0.0001, 0.002]\n", "force = [nan, 0.002]\n"),
    ),
    "loss": Example(
        task=Task(id="t", kind="loss", prompt="p", problem="digits_label_noise", settings={"seeds": 1}, limits=LONG),
        good=SYMMETRIC,
        bad=("import torch\ndef loss(logits, labels):\n    return torch.tensor(float('nan'))\n",),
    ),
}
SLOW = {"reward", "loss", "ranges"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", 2) as opened:
        yield opened


def test_every_kind_has_an_example() -> None:
    # What a program of the owner's says needs no sandbox, and is judged in tests/verifiers/trained/test_external.py.
    assert {example.task.kind for example in EXAMPLES.values()} == set(kinds()) - {"command"}


@in_module
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in EXAMPLES]
)
async def test_our_verifiers_keep_the_contract(pool: Pool, name: str) -> None:
    if name == "loss":
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
    if name == "reasoning":
        pytest.importorskip("reasoning_gym")
    if name == "instruction":
        pytest.importorskip("lm_eval")
    example = EXAMPLES[name]
    assert await conformance(verifier_class(example.task.kind), example, pool) == []


@in_module
async def test_combinations_of_ours_keep_the_contract(pool: Pool) -> None:
    code, function = verifier_class("code"), from_function(short, "short")
    for combination in (all_of(code, function), weighted({code: 2.0}, gates=[function])):
        assert await conformance(combination, EXAMPLES["code"], pool) == []
    never = from_function(nothing, "nothing")
    assert await conformance(any_of(code, never), EXAMPLES["code"], pool) == []


def short(task: Task, reply: str) -> tuple[bool, str]:
    return 0 < len(reply) < 1000, "short enough?"


def nothing(task: Task, reply: str) -> bool:
    return False


# What breaks the contract, and the words in which the suite says so.


def says_yes(task: Task, reply: str) -> bool:
    return True


def rolls_dice(task: Task, reply: str) -> float:
    return random.random() / 2


def counts_nan(task: Task, reply: str) -> float:
    return math.nan


def wants_more(task: Task, reply: str) -> float:
    return 3.5


class Raises:
    name, version, kind = "raises", 1, "raises"

    def __init__(self, pool: Pool, *, confirm: bool = True) -> None:
        self._pool = pool

    @staticmethod
    def problems(task: Task) -> list[str]:
        return []

    async def verify(self, task: Task, solution: str) -> Verdict:
        float(solution)
        return self.given(1.0)

    def given(self, score: float | None, outcome: Outcome = Outcome.PASSED) -> Verdict:
        return Verdict(outcome=outcome, score=score, strength=Strength.TESTED, verifier=f"{self.name}/1")


class NotANumber(Raises):
    name = "nan"

    async def verify(self, task: Task, solution: str) -> Verdict:
        return self.given(math.nan, Outcome.FAILED)


class Unscored(Raises):
    name = "unscored"

    async def verify(self, task: Task, solution: str) -> Verdict:
        return self.given(1.0) if solution == "good" else self.given(None, Outcome.UNSCORED)


class Optimist(Raises):
    """Takes a lost sandbox for a pass."""

    name = "optimist"

    async def verify(self, task: Task, solution: str) -> Verdict:
        from gristmill.sandbox.records import Job

        try:
            await self._pool.run(Job(program="gristmill.sandbox.guest.canary:echo", request="x"))
        except SandboxError:
            return self.given(1.0)
        return self.given(float(solution == "good"), Outcome.PASSED if solution == "good" else Outcome.FAILED)


class AnotherName(Raises):
    name = "another"

    async def verify(self, task: Task, solution: str) -> Verdict:
        verdict = self.given(float(solution == "good"), Outcome.PASSED if solution == "good" else Outcome.FAILED)
        return verdict.model_copy(update={"verifier": "code/1"})


@in_module
@pytest.mark.parametrize(
    ("verifier", "words"),
    [
        (from_function(says_yes, "yes"), "it passes 'None'"),
        (from_function(rolls_dice, "dice"), "not deterministic"),
        (from_function(nothing, "nothing"), "the good solution is failed"),
        (from_function(counts_nan, "nan"), "nan, which is no share"),
        (from_function(wants_more, "more"), "it raises"),
        (Raises, "it raises ValueError at"),
        (NotANumber, "nan, outside of"),
        (Unscored, "no candidate may choose to be"),
        (Optimist, "without a sandbox its verdict is passed"),
        (AnotherName, "names 'code/1'"),
    ],
    ids=lambda value: getattr(value, "name", "words"),
)
async def test_the_suite_finds_what_breaks_the_contract(pool: Pool, verifier: Any, words: str) -> None:
    example = Example(task=Task(id="t", kind="x", prompt="p"), good="good", bad=("bad",))
    complaints = await conformance(verifier, example, pool, hostile=HOSTILE[:8])
    assert any(words in complaint for complaint in complaints), complaints
