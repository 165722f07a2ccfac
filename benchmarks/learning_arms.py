"""The arms of `learning.py`: configurations of rounds, and rows of controls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from gristmill.graph.campaign import CampaignSummary
from gristmill.graph.prompts.messages import choose_profile, messages_for
from gristmill.graph.records import Trajectory
from gristmill.graph.tasks.families.base import reference_reply
from gristmill.trainers.data.curate import CurateConfig, Curated, curate
from gristmill.trainers.data.steps import is_wrong
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.coverage.strata import Wave
from gristmill.trainers.improve.records import StageRecords

__all__ = ["CONTROLS", "ORACLE", "ROUNDS", "rows_for"]

Rows = list[dict[str, Any]]


def _even(config: ImproveConfig) -> ImproveConfig:
    return config.model_copy(update={"strata": config.strata.model_copy(update={"stratum_rows": 0})})


def _long(config: ImproveConfig) -> ImproveConfig:
    """The tasks and hypotheses of all rounds in one."""
    tasks = config.drawn.train_tasks * config.rounds
    return config.model_copy(update={"rounds": 1, "drawn": config.drawn.model_copy(update={"train_tasks": tasks})})


ROUNDS: dict[str, Callable[[ImproveConfig], ImproveConfig]] = {
    "main": lambda config: config,
    "latest": lambda config: config.model_copy(update={"rows": "latest"}),
    "even": _even,
    "long": _long,
}
CONTROLS = ("unverified", "refuted", "shuffled")
ORACLE = "oracle"


def rows_for(arm: str, mill: Mill, main: str) -> Rows:
    """The rows of a control: as many tokens as `main` has trained on in its first round, or all references.

    Raises:
        SystemExit: `main` of this seed has not come so far.
    """
    from transformers import AutoTokenizer

    records = StageRecords(mill.store, main)
    verified = records.read("round-1/curated", Curated)
    if verified is None:
        raise SystemExit(f"run --arm main with this seed first: {arm} stands on its first search")
    profile = choose_profile(mill.config.run.prompts.profile, mill.config.run.model)
    if arm == ORACLE:
        # Whatever `main` has searched, in all rounds and waves, once each.
        tasks = {task.id: task for run in _runs(records) for task in mill.store.tasks(run)}
        return [
            {
                "prompt": [turn.model_dump() for turn in messages_for(task, profile=profile, round=0)],
                "completion": [{"role": "assistant", "content": reference_reply(task)}],
                "task": task.id,
            }
            for task in tasks.values()
        ]
    tokenizer = AutoTokenizer.from_pretrained(mill.base)

    def tokens(row: dict[str, Any]) -> int:
        encoded: Any = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=True)
        return len(encoded["input_ids"])

    wanted, rng = sum(map(tokens, verified.rows)), random.Random(mill.config.run.seed)
    if arm == "shuffled":
        return _shuffled([dict(row) for row in verified.rows], rng)
    stories = [story for run in _runs(records, rounds=1) for story in mill.store.trajectories(run)]
    if arm == "refuted":
        stories = [_only_wrong(story) for story in stories]
    config = CurateConfig(verified=False, per_task=mill.config.curate.per_task, seed=mill.config.run.seed)
    held_out = (*mill.splits.gates_until(0), *mill.splits.test)
    rows = list(curate(stories, held_out=held_out, config=config, profile=profile).rows)
    rng.shuffle(rows)
    taken, spent = Rows(), 0
    for row in rows:
        if spent >= wanted:
            break
        taken.append(row)
        spent += tokens(row)
    return taken


def _runs(records: StageRecords, rounds: int = 100) -> list[str]:
    """The runs of the first so many rounds of an improvement."""
    runs: list[str] = []
    for number in range(1, rounds + 1):
        first = records.read(f"round-{number}/campaign", CampaignSummary)
        if first is None:
            break
        runs.append(first.run)
        wave = 1
        while (each := records.read(f"round-{number}/wave-{wave}", Wave)) is not None:
            runs += [each.summary.run] if each.summary else []
            wave += 1
    return runs


def _only_wrong(story: Trajectory) -> Trajectory:
    return story.model_copy(update={"steps": tuple(step for step in story.steps if is_wrong(story.task, step))})


def _shuffled(rows: Rows, rng: random.Random) -> Rows:
    """Each answer under the prompt of another task, as far as that can be."""
    rng.shuffle(rows)
    rows.sort(key=lambda row: str(row["task"]))
    # Half the circle on, no row meets one of its own task, unless a task has more than half of them.
    half = len(rows) // 2
    return [row | {"completion": rows[(at + half) % len(rows)]["completion"]} for at, row in enumerate(rows)]
