"""A task of every kind through the whole loop: a wrong reply, its feedback, a right reply, a row for training.

Nothing is replaced: an OpenAI-compatible server on loopback plays the replies, the graph asks it, real sandboxes judge
what it says, and what comes out is what `gristmill export` writes. In containers nothing is trained here, but with
GRISTMILL_TEST_WHOLE=1: tests/verifiers/trained/ does it there.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.loading import load_tasks
from gristmill.graph.tasks.reasoning import reasoning_tasks
from gristmill.trainers.data.export import export_rows
from gristmill.verifiers.constructions.catalogue import task_of
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.registry import problems

EXAMPLES = Path(__file__).parents[2] / "examples" / "tasks"

NAIVE = """def construct():
    factors = [[[0] * 8 for _ in range(4)] for _ in range(3)]
    for column in range(8):
        i, j, k = column >> 2, column >> 1 & 1, column & 1
        for factor, row in zip(factors, (i * 2 + j, j * 2 + k, k * 2 + i)):
            factor[row][column] = 1
    return factors"""

STRASSEN = """def construct():
    a = [[1, 0, 1, 0, 1, -1, 0], [0, 0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 0, -1]]
    b = [[1, 1, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 1], [1, 0, -1, 0, 1, 0, 1]]
    c = [[1, 0, 0, 1, -1, 0, 1], [0, 1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0], [1, -1, 1, 0, 0, 1, 0]]
    return a, b, c"""

SYMMETRIC = """import torch.nn.functional as F


def loss(logits, labels):
    shares = F.softmax(logits, dim=1)
    wanted = F.one_hot(labels, 10).to(logits.dtype).clamp(min=1e-4)
    return 0.1 * F.cross_entropy(logits, labels) - (shares * wanted.log()).sum(dim=1).mean()"""

MEDIAN = """def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2"""


def code(source: str) -> str:
    return f"Here it is.\n\n```python\n{source}\n```\n\nIt follows the task."


REPLIES: dict[str, tuple[str, Outcome, str, str]] = {
    # task: the wrong reply, its outcome, words of the feedback that comes back, the right reply
    "code/median": (
        code("def median(values):\n    return float(sorted(values)[len(values) // 2])"),
        Outcome.FAILED,
        "expected 2.5",
        code(MEDIAN),
    ),
    "math/surd": (
        "Under one root: \\boxed{\\sqrt{68}}",
        Outcome.FAILED,
        "read as \\sqrt{68}",
        "$5\\sqrt{2} + 3\\sqrt{2}$, in code `8*sqrt(2)`.\n\n```text\nchecked by squaring\n```\n\n\\boxed{8\\sqrt{2}}",
    ),
    "math/integral": (
        code("from sympy import *\nx = symbols('x')\nanswer = integrate(x * exp(x), (x, 0, 1))"),
        Outcome.FAILED,
        "read as 1",
        code("from sympy import *\nx = symbols('x')\nanswer = integrate(x**2 * exp(x), (x, 0, 1))"),
    ),
    "instruction/sea": (
        '"The sea, they say, is wide. It is deep. It is cold."',
        Outcome.FAILED,
        "Not followed: In your entire response, refrain from the use of any commas.",
        '"The sea is wide. It is never still.\n\n```\nNobody has seen all of it.\n```"',
    ),
    "program/matmul_222": (code(NAIVE), Outcome.FAILED, "The target of <= 7.0 is not reached, by 1", code(STRASSEN)),
    "reasoning-gym/chain_sum/1/0": (
        "4 - 1 is 3, and 3 - 7 is 4. <answer>4</answer>",
        Outcome.FAILED,
        "read as '4'",
        "Not <answer>4</answer>: 3 - 7 is less than zero.\n<answer>-4</answer>",
    ),
    "reward/mountain-car": (
        code("import numpy as np\n\n\ndef reward(obs, action, next_obs, info):\n    return -np.ones(len(action))"),
        Outcome.FAILED,
        "teaches nothing",
        code(
            "import numpy as np\n\n\ndef reward(obs, action, next_obs, info):\n    return 10 * np.abs(next_obs[:, 1])"
        ),
    ),
    "loss/digits-label-noise": (
        code(
            "from torch.nn.functional import cross_entropy\n\n\n"
            "def loss(logits, labels):\n    return -cross_entropy(logits, labels)"
        ),
        Outcome.FAILED,
        "the gradient must raise the score of the labelled class",
        code(SYMMETRIC),
    ),
}

REASONED = {"code", "math", "program", "reasoning", "reward", "loss"}
"""Kinds whose replies may hold reasoning beside the answer."""
TRAINED = {"reward": 0.9, "loss": 0.6}
"""Kinds that train something, with targets that no single training decides by luck."""


@pytest.fixture
def tasks() -> list[Task]:
    for package in ("reasoning_gym", "lm_eval", "torch", "sklearn"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    names = ("code", "math", "instruction", "reward", "loss")
    shipped = [task for name in names for task in load_tasks(EXAMPLES / f"{name}.jsonl")]
    generated = [*reasoning_tasks("chain_sum", size=1, seed=1), task_of("matmul_222")]
    all_tasks = [task for task in (*shipped, *generated) if task.id in REPLIES]
    assert {task.id for task in all_tasks} == set(REPLIES)
    # One seed: the loop is what is tested here, not how far scores scatter, so targets lie far from all of them.
    return [
        task.model_copy(update={"settings": {"seeds": 1}, "target": TRAINED[task.kind]})
        if task.kind in TRAINED
        else task
        for task in all_tasks
    ]


@pytest.mark.slow
async def test_a_task_of_every_kind_is_solved_after_reflection_and_becomes_a_row(
    tasks: list[Task], backend: str, tmp_path: Path, every: int
) -> None:
    if backend == "docker" and every > 1:
        tasks = [task for task in tasks if task.kind not in TRAINED]
    assert [complaint for task in tasks for complaint in problems(task)] == []
    by_prompt = {task.prompt.strip(): task for task in tasks}

    def asked(call: Call) -> Task:
        # The task's own words stand in the first user message, whatever stands around them.
        (task,) = [task for prompt, task in by_prompt.items() if prompt in call.messages[1].content]
        return task

    def answer(call: Call) -> str:
        wrong, _, feedback, right = REPLIES[asked(call).id]
        return right if len(call.messages) == 4 and feedback in call.messages[-1].content else wrong

    with ReplayServer(answer) as server, Store.open(str(tmp_path)) as store:
        config = RunConfig.of(model=f"openai:replay@{server.url}", hypotheses=1, rounds=3, sandbox=backend)
        async with resolve(config.model) as proposer:
            summary = await run_campaign(tasks, config, name="all", store=store, proposer=proposer)
        stories = {story.task.id: story for story in store.trajectories("all")}
    unsolved = {name: story.steps[-1].verdict.feedback for name, story in stories.items() if story.stop != "target"}
    assert unsolved == {}
    assert (summary.tasks, summary.solved, summary.unscored) == (len(tasks), len(tasks), 0)

    rows = {row["task"]: row for row in export_rows(stories.values(), "sft", prompts="asked")}
    sent = export_rows(stories.values(), "messages", prompts="asked")
    conversations = {row["task"]: row for row in sent}
    assert set(rows) == set(conversations) == {task.id for task in tasks}
    for task in tasks:
        wrong, outcome, feedback, right = REPLIES[task.id]
        assert len(stories[task.id].steps) == 2, task.id
        first, second = stories[task.id].steps
        assert [step.verdict.outcome for step in (first, second)] == [outcome, Outcome.PASSED], task.id
        assert second.hypothesis.parents == (first.hypothesis.id,)
        assert first.hypothesis.text == wrong
        assert _solution_is_what_the_kind_judges(task, right, second.hypothesis.solution)
        _check_row(rows[task.id], task, feedback, right)
        turns: list[dict[str, Any]] = conversations[task.id]["messages"]
        assert [turn.get("weight") for turn in turns] == [None, None, 0, None, 1]
        assert [{"role": turn["role"], "content": turn["content"]} for turn in turns] == [
            *rows[task.id]["prompt"],
            *rows[task.id]["completion"],
        ]


def _check_row(row: dict[str, Any], task: Task, feedback: str, right: str) -> None:
    system, question, attempt, reflection = row["prompt"]
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user", "assistant", "user"]
    assert task.prompt.strip() in question["content"]
    assert attempt["content"].strip()
    assert feedback in reflection["content"]
    assert ("First reason" in reflection["content"]) is (task.kind in REASONED)
    assert row["completion"] == [{"role": "assistant", "content": right}]
    assert (row["kind"], row["round"], row["outcome"], row["verified"]) == (task.kind, 1, "passed", True)
    assert row["strength"] in {Strength.TESTED, Strength.EXACT, Strength.PROVED}
    # What decides was not shown on the way.
    shown = system["content"] + question["content"] + reflection["content"]
    assert not task.answer or task.answer not in shown
    assert not task.reference or task.reference not in shown


def _solution_is_what_the_kind_judges(task: Task, reply: str, solution: str | None) -> bool:
    """Code without what stands around it; of all other kinds the reply as it stands, fences included."""
    if task.kind in {"math", "instruction", "reasoning"}:
        return solution == reply
    return solution is not None and "```" not in solution and solution.strip() == reply.split("```")[1][7:].strip()
