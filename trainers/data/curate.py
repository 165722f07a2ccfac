"""Trajectories → rows worth training on."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from gristmill.graph.records import Trajectory
from gristmill.sandbox.records import Record
from gristmill.trainers.data.formats import sft_row
from gristmill.trainers.data.prompting import Profile, Prompting, Prompts, Replies, RowTexts
from gristmill.verifiers.extraction.normal import normal_form
from gristmill.verifiers.records import Task
from gristmill.verifiers.settling import Accept, taken

__all__ = ["CurateConfig", "Curated", "curate"]


class CurateConfig(Record):
    """Which steps become rows."""

    verified: bool = Field(True, description="no is the control: parsed replies at random, whatever their verdict")
    per_task: int = Field(4, ge=1, description="different solutions of one task at most")
    near_copy: float = Field(
        0.95, gt=0, le=1, description="similarity to a held-out prompt from which a task is left out"
    )
    size: int | None = Field(None, ge=1, description="rows at most, drawn at random")
    prompts: Prompts = Field("bare", description="what a row asks, see `gristmill.trainers.data.prompting.Prompting`")
    replies: Replies = Field("whole", description="what a row answers, see there")
    seed: int = 0


class Curated(Record):
    """Rows, and how many steps were left out for which reason."""

    rows: tuple[dict[str, Any], ...]
    dropped: dict[str, int]


def curate(
    trajectories: Sequence[Trajectory],
    *,
    held_out: Sequence[Task],
    config: CurateConfig | None = None,
    accept: Accept = "verified",
    profile: Profile | None = None,
) -> Curated:
    """Rows ``{"prompt": [messages], "completion": [messages], …provenance}``, in a stable order.

    Left out, each counted by its reason: steps that are not verified (nor of a strength that `accept` takes), tasks
    that are held out or nearly copy a held-out task's prompt, a second row with the same solution, and what is over the
    bounds of `config`. What rows ask and answer is what `config` says, of a run of this `profile` (see `Prompting`).
    Solutions that differ are preferred to further copies of one: the first of each comes first.
    """
    config = config or CurateConfig()
    dropped: Counter[str] = Counter()
    ids = {task.id for task in held_out}
    prompts = [_grams(task.prompt) for task in held_out]
    rows: list[dict[str, Any]] = []
    prompting = Prompting(prompts=config.prompts, replies=config.replies, profile=profile)
    for trajectory in trajectories:
        task = trajectory.task
        if task.id in ids or _nearest(_grams(task.prompt), prompts) >= config.near_copy:
            dropped["of a held-out task or a near-copy of one"] += len(trajectory.steps)
            continue
        rows += _rows(trajectory, config, accept, prompting, dropped)
    if config.size is not None and len(rows) > config.size:
        dropped["over the size asked for"] += len(rows) - config.size
        chosen = sorted(random.Random(config.seed).sample(range(len(rows)), config.size))
        rows = [rows[place] for place in chosen]
    return Curated(rows=tuple(rows), dropped=dict(dropped))


def _rows(
    trajectory: Trajectory, config: CurateConfig, accept: Accept, prompting: Prompting, dropped: Counter[str]
) -> list[dict[str, Any]]:
    """The rows of one task."""
    steps = [step for step in trajectory.steps if not step.hypothesis.given]
    if not config.verified:
        random.Random(f"{config.seed}/{trajectory.task.id}").shuffle(steps)
    texts = RowTexts(trajectory, prompting)
    seen: set[str] = set()
    rows: list[dict[str, Any]] = []
    for step in steps:
        solution = step.hypothesis.solution
        if solution is None:
            dropped["without a usable solution"] += 1
        elif config.verified and not taken(step.verdict, accept):
            dropped["not verified" if accept == "verified" else f"neither verified nor {accept}"] += 1
        elif (same := normal_form(solution)) in seen:
            dropped["duplicate"] += 1
        elif len(rows) >= config.per_task:
            dropped["over the bound per task"] += 1
        else:
            seen.add(same)
            rows.append(sft_row(trajectory, step, texts))
    return rows


def _grams(text: str, length: int = 3) -> frozenset[tuple[str, ...]]:
    """The sets of neighbouring words that near-copies share: case and punctuation aside, numbers and order not."""
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[place : place + length]) for place in range(max(1, len(words) - length + 1)))


def _nearest(grams: frozenset[tuple[str, ...]], others: Sequence[frozenset[tuple[str, ...]]]) -> float:
    """The greatest Jaccard similarity to any of the others; 0 where there is none."""
    return max((len(grams & other) / len(grams | other) for other in others if grams | other), default=0.0)
