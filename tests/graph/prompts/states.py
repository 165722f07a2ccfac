"""Eight searches, one for each kind, whose rounds come to every state that a prompt can be about.

Replies are those of a model that makes ordinary mistakes; the verdicts on them are real ones, kept in `states.jsonl`::

    PYTHONPATH=. .venv/bin/python tests/graph/prompts/states.py       # judges them again (minutes; needs all extras)

`prompts_of` plays a search with them, through the graph and its store, and says what was asked in each state.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Message, Request
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.reasoning import reasoning_tasks
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge
from gristmill.verifiers.trained.ranges.task import ranges_task
from gristmill.verifiers.trained.reward.environments import environment

__all__ = ["KINDS", "STATES", "prompts_of", "task_of_kind"]

HERE = Path(__file__).parent
VERDICTS = HERE / "states.jsonl"
STATES = ("first", "invalid", "failed", "duplicate", "improved", "stuck")
# Which replies the two places of a round get; the prompt of the first place is in the state that the rounds before have
# come to. A round always brings something new, as a search ends where nothing does.
ROUNDS = (
    ("failed", "stuck_1"),
    ("failed", "stuck_2"),
    ("improved", "stuck_3"),
    ("stuck_4", "stuck_1"),
    ("stuck_5", "stuck_2"),
)
ASKED = {"first": 0, "failed": 1, "duplicate": 2, "improved": 3, "stuck": 5}
UNUSABLE = (("invalid", "invalid"),)


def code(source: str, said: str = "") -> str:
    """A reply: a sentence, and a block."""
    return f"{said}\n\n```python\n{source.strip()}\n```" if said else f"```python\n{source.strip()}\n```"


PACK = """
def construct():
    rows = [(({i} + 0.5) / 6, (j + 0.5) / 6, {r}) for i in range(6) for j in range(6)]
    return rows[:26]
"""
REWARD = """
import numpy as np


def reward(obs, action, next_obs, info):
    return {value}
"""
LOSS = """
import torch
import torch.nn.functional as F


def loss(logits, labels):
    return {value}
"""
OWN = "F.softmax(logits, 1).gather(1, labels[:, None])[:, 0]"

REPLIES: Mapping[str, Mapping[str, str]] = {
    "code": {
        "invalid": "The median is the middle value of the sorted list, or the mean of the two middle ones.",
        "failed": code(
            "def median(values):\n    return values[len(values) // 2]",
            "The median is the element in the middle of the list.",
        ),
        "improved": code(
            "def median(values):\n    return float(sorted(values)[len(values) // 2])",
            "The list has to be sorted first.",
        ),
        "stuck_1": code(
            "import pandas\n\n\ndef median(values):\n    return pandas.Series(values).median()", "Pandas has it."
        ),
        "stuck_2": code("def median(values):\n    return 0.0", "Begin with the simplest."),
        "stuck_3": code("def median(values):\n    return min(values)", "Try the smallest."),
        "stuck_4": code("def median(values):\n    return values[0]", "Take the first one."),
        "stuck_5": code("def median(values):\n    return sorted(values, reverse=True)", "Sort it the other way round."),
    },
    "math": {
        "invalid": "By parts this is $x\\sin x$ and something more, as one sees.\nSo it is clear.",
        "failed": "By parts: \\boxed{x\\sin x - \\cos x}",
        "improved": "\\boxed{\\sin x - x\\cos x + C}",
        "stuck_1": "\\boxed{\\frac{x^2}{2}\\sin x + C}",
        "stuck_2": "\\boxed{\\int x\\cos x\\,dx}",
        "stuck_3": "\\boxed{x\\sin x}",
        "stuck_4": "\\boxed{-x\\sin x - \\cos x}",
        "stuck_5": "\\boxed{x^2\\cos x}",
    },
    "instruction": {
        "invalid": "",
        "failed": '"The sea is wide, deep, and cold."',
        "improved": '"The sea, they say, is wide. It is deep. It is cold."',
        "stuck_1": "The sea, the sea, the sea, is everywhere.",
        "stuck_2": "Well, the sea. It is wide, deep, and cold. Nobody, so they say, has seen all of it.",
        "stuck_3": "The sea, which is wide, is deep.",
        "stuck_4": "Sea, oh sea, so wide.",
        "stuck_5": "Wide, deep, cold.",
    },
    "reasoning": {
        "invalid": "It is a difference.\n<answer>about four</answer>",
        "failed": "4 - 1 is 3, and 3 - 7 is 4. <answer>4</answer>",
        "improved": "4 - 1 is 3, and 7 - 3 is 4, so it is 5. <answer>5</answer>",
        "stuck_1": "<answer>10</answer>",
        "stuck_2": "<answer>-10</answer>",
        "stuck_3": "<answer>3</answer>",
        "stuck_4": "<answer>12</answer>",
        "stuck_5": "<answer>7</answer>",
    },
    "program": {
        "invalid": code(
            "def construct(best=None):\n    return [(i / 25, 0.5, 0.1) for i in range(25)]",
            "A row of equal circles.",
        ),
        "failed": code(PACK.format(i="i", r="1 / 12"), "The first 26 places of a grid of six by six, equal radii."),
        "improved": code(
            "def construct(best=None):\n    places = [(i + 0.5) / 5 for i in range(5)]\n"
            "    return [(x, y, 0.1) for x in places for y in places] + [(0.2, 0.2, 0.041)]",
            "A grid of five by five is denser, and the 26th circle goes into a gap.",
        ),
        "stuck_1": code(PACK.format(i="i", r="0.083"), "The grid of six by six with a margin."),
        "stuck_2": code(
            "def construct(best=None):\n    return best or [((i + 0.5) / 26, 0.5, 1 / 52) for i in range(26)]",
            "What is there is good already.",
        ),
        "stuck_3": code(
            "def construct(best=None):\n    grid = [[0.0] * 100_000 for _ in range(100_000)]\n    return grid",
            "Try every place of a fine grid.",
        ),
        "stuck_4": code(
            "def construct(best=None):\n    return [((i + 0.5) / 26, 0.5, 1 / 52) for i in range(26)]", "One row."
        ),
        "stuck_5": code(
            "def construct(best=None):\n    from scipy import packing\n    return packing.circles(26)",
            "SciPy may have it.",
        ),
    },
    "reward": {
        "invalid": code(REWARD.format(value="10 * abs(next_obs[1])"), "Pay for speed."),
        "failed": code(REWARD.format(value="-np.abs(next_obs[:, 1])"), "A slow car is under control."),
        "improved": code(REWARD.format(value="-np.ones(len(action))"), "Every step costs one."),
        "stuck_1": code(
            REWARD.format(value="100.0 * (next_obs[:, 0] >= 0.5) + 0.01 * next_obs[:, 0]"), "A bonus at the flag."
        ),
        "stuck_2": code(REWARD.format(value="-np.abs(0.5 - next_obs[:, 0])"), "Come near to the flag."),
        "stuck_3": code(REWARD.format(value="1.0 * (action == 2)"), "Always push right."),
        "stuck_4": code(REWARD.format(value="next_obs[:, 7]"), "The last column is the one that counts."),
        "stuck_5": code(REWARD.format(value='info["speed"]'), "The world knows the speed."),
    },
    "loss": {
        "invalid": code(LOSS.format(value="(1 - " + OWN + ".detach() ** 0.7).mean() + 0 * logits.sum()"), "Bounded."),
        "failed": code(LOSS.format(value="F.cross_entropy(logits, labels)"), "Cross entropy is the usual choice."),
        "improved": code(
            LOSS.format(value="F.cross_entropy(logits, labels, label_smoothing=0.5)"), "Soften the labels by a half."
        ),
        "stuck_1": code(LOSS.format(value="2 * F.cross_entropy(logits, labels)"), "Weigh it twice."),
        "stuck_2": code(LOSS.format(value="-F.cross_entropy(logits, labels)"), "The other way round."),
        "stuck_3": code(LOSS.format(value="F.multi_margin_loss(logits, labels)"), "A margin."),
        "stuck_4": code(LOSS.format(value="0.5 * F.cross_entropy(logits, labels)"), "Weigh it half."),
        "stuck_5": code(LOSS.format(value="logits.mean().item()"), "A number will do."),
    },
    "ranges": {
        "invalid": code("gravity = [1.0, 11.0]", "The more gravity varies, the more the policy bears."),
        "failed": code("mass = [0.5, 0.6]", "Only light poles."),
        "improved": code(
            "# around the world as it is, and towards what is hard\n"
            "gravity = [7.0, 11.0]\nmass = [0.75, 1.4]\nlength = [0.95, 1.3]",
            "Widen towards heavy and long, where the torque is scarce.",
        ),
        "stuck_1": code("# a lighter world is easier to learn in\ngravity = [5.0, 5.5]", "Begin with what is easy."),
        "stuck_2": code("length = [0.7, 0.75]", "Only short poles."),
        "stuck_3": code("gravity = [5.0, 6.0]\nmass = [0.5, 0.6]\nlength = [0.7, 0.8]", "All that is light at once."),
        "stuck_4": code("gravity = [5.0, 5.2]\nlength = [0.7, 0.72]", "Little gravity, short poles."),
        "stuck_5": code("mass = [0.5, 0.52]\nlength = [0.7, 0.72]", "Light and short."),
    },
}
KINDS = tuple(REPLIES)


def task_of_kind(kind: str) -> Task:
    """The task of a kind, as the examples have it; trainings take two seeds."""
    row = next(each for each in _rows() if each["kind"] == kind)
    return Task.model_validate(row["task"])


@cache
def _rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]


@cache
def verdicts(kind: str) -> Mapping[str, Verdict]:
    """What was found of each reply, by its name."""
    row = next(each for each in _rows() if each["kind"] == kind)
    found = row["verdicts"]
    assert isinstance(found, dict)
    return {name: Verdict.model_validate(each) for name, each in found.items()}


@cache
def prompts_of(kind: str) -> Mapping[str, tuple[Message, ...]]:
    """What was asked in each state."""
    task, replies, found = task_of_kind(kind), REPLIES[kind], verdicts(kind)
    by_solution = {_solution(task, text): found[name] for name, text in replies.items()}
    judge = ScriptedJudge(lambda _, solution: by_solution[solution])

    def asked(rounds: Sequence[tuple[str, str]]) -> list[Request]:
        def answer(request: Request) -> str:
            # Nothing is made of the answers to the last round, which is asked for its prompts alone.
            return replies[rounds[request.round][request.sample]] if request.round < len(rounds) else replies["failed"]

        async def play() -> None:
            with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
                await run_campaign([task], config, store=store, name="run", proposer=model, verifiers=judge)

        model, count = ScriptedProposer(answer), len(rounds) + 1
        config = RunConfig.of(hypotheses=2, rounds=count, patience=count, profile="chat", seed=3)
        asyncio.run(play())
        return [request for request in model.requests if request.sample == 0]

    story = asked(ROUNDS)
    prompts = {state: story[round].messages for state, round in ASKED.items()} | {
        "invalid": asked(UNUSABLE)[1].messages
    }
    return {state: prompts[state] for state in STATES}


def _solution(task: Task, text: str) -> str:
    return extract(task, text).solution or ""


def _tasks() -> Iterator[Task]:
    """The tasks that are judged; the examples' own, so that references and hidden tests are real ones."""
    folder = HERE.parents[2] / "examples" / "tasks"
    names = {
        "code": "code/median",
        "math": "math/antiderivative",
        "instruction": "instruction/sea",
        "program": "program/circles_26",
        "reward": "reward/mountain-car",
        "loss": "loss/digits-label-noise",
    }
    for kind, name in names.items():
        lines = (folder / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
        task = next(each for each in map(Task.model_validate_json, lines) if each.id == name)
        if kind in ("reward", "loss"):
            task = task.model_copy(update={"settings": {"seeds": 2}})
        yield task
    yield from reasoning_tasks("chain_sum", size=1, seed=1)
    # The priors are those of the searches of `benchmarks/ranges.jsonl`.
    priors = {"gravity": (5.0, 11.0), "mass": (0.5, 1.5), "length": (0.7, 1.3)}
    human = environment("pendulum").baselines["human"]
    yield ranges_task("pendulum", human, priors, settings={"seeds": 1}, target=0.95)


async def judge_again(kinds: tuple[str, ...]) -> None:
    """Write the verdicts of some kinds anew; those of the others stay."""
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.judging import judge_extraction
    from gristmill.verifiers.registry import Verifiers

    kept = {str(row["kind"]): row for row in _rows()} if VERDICTS.exists() else {}
    async with Pool.open("bubblewrap", 2) as pool:
        judge = Verifiers(pool, secret=b"the same trainings whenever this is run")
        for task in _tasks():
            if task.kind not in kinds:
                continue
            found = {}
            for name, text in REPLIES[task.kind].items():
                verdict = await judge_extraction(task, extract(task, text), judge)
                print(task.kind, name, verdict.outcome.value, verdict.score, repr(verdict.feedback[:300]), flush=True)
                found[name] = verdict.model_dump(mode="json", exclude_defaults=True)
            kept[task.kind] = {
                "kind": task.kind,
                "task": task.model_dump(mode="json", exclude_defaults=True),
                "verdicts": found,
            }
            rows = (kept[kind] for kind in KINDS if kind in kept)
            VERDICTS.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(judge_again(tuple(sys.argv[1:]) or KINDS))
