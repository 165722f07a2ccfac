"""Trajectories → rows worth training on."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from gristmill.graph.records import Step, Trajectory
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curation.balance import balance, strata_of
from gristmill.trainers.data.curation.contamination import REASONS, Decontamination, decontaminate
from gristmill.trainers.data.curation.duplicates import NearDuplicates
from gristmill.trainers.data.curation.heldout import DecontaminationConfig, HeldOut
from gristmill.trainers.data.curation.sources import benchmarks, held_out_files
from gristmill.trainers.data.formats import sft_row
from gristmill.trainers.data.prompting import Profile, Prompting, Prompts, Replies, RowTexts
from gristmill.verifiers.extraction.normal import normal_form
from gristmill.verifiers.records import Task
from gristmill.verifiers.settling import Accept, accepted

__all__ = ["CurateConfig", "Curated", "curate"]


class CurateConfig(Record):
    """Which steps become rows."""

    verified: bool = Field(True, description="no is the control: parsed replies at random, whatever their verdict")
    per_task: int = Field(4, ge=1, description="different solutions of one task at most")
    near_duplicate: float = Field(
        0.9,
        gt=0,
        le=1,
        description="likeness of programs, and of what they answer, from which two are one; 1 is copies",
    )
    near_copy: float = Field(
        0.95, gt=0, le=1, description="similarity to a held-out prompt from which a task is left out"
    )
    held_out: tuple[str, ...] = Field(
        (), description="task files, besides gate and test, that no row shares anything with"
    )
    against: str | None = Field(None, description="benchmarks that no row shares anything with: humaneval,mbpp=FILE,…")
    words: int = Field(13, ge=5, description="words in a row that no row shares with a held-out task")
    per_stratum: int | None = Field(None, ge=1, description="rows of a stratum at most")
    outweigh: float | None = Field(None, ge=1, description="no stratum has more times the rows of the median one")
    size: int | None = Field(None, ge=1, description="rows at most, drawn at random")
    prompts: Prompts = Field("bare", description="what a row asks, see `gristmill.trainers.data.prompting.Prompting`")
    replies: Replies = Field("whole", description="what a row answers, see there")
    seed: int = 0


class Curated(Record):
    """Rows, and how many steps were left out for which reason."""

    rows: tuple[dict[str, Any], ...]
    dropped: dict[str, int]
    strata: dict[str, int] = Field({}, description="rows by stratum")
    decontamination: Decontamination | None = Field(None, description="what rows were held against")


def curate(
    trajectories: Sequence[Trajectory],
    *,
    held_out: Sequence[Task] | Mapping[str, Sequence[Task]],
    config: CurateConfig | None = None,
    accept: Accept = "verified",
    profile: Profile | None = None,
) -> Curated:
    """Rows ``{"prompt": [messages], "completion": [messages], …provenance}``, in the order of the trajectories.

    Left out, each counted by its reason: steps that are not verified (nor of a strength that `accept` takes), a second
    row with the same solution or nearly the same one, what is held out or shares words or a solution with a held-out
    task (see `gristmill.trainers.data.curation.contamination`), and what is over the bounds of `config`. What rows ask
    and answer is what `config` says, of a run of this `profile` (see `Prompting`). Solutions that differ are preferred
    to further copies of one: the first of each comes first. Several trajectories of one task, of several runs, are one.
    Which rows there are does not depend on the order of the trajectories.

    Args:
        held_out: tasks, which the report then names by their splits, or tasks by where they are from.

    Raises:
        UserError: near duplicates are asked for, and `rensa` is not installed; or a file cannot be read.
    """
    config = config or CurateConfig()
    dropped: Counter[str] = Counter()
    read, unchecked = benchmarks(config.against)
    sources = held_out if isinstance(held_out, Mapping) else _by_split(held_out)
    index = HeldOut(
        {**sources, **held_out_files(config.held_out), **read},
        DecontaminationConfig(words=config.words, near_copy=config.near_copy),
    )
    known = NearDuplicates(config.near_duplicate)
    prompting = Prompting(prompts=config.prompts, replies=config.replies, profile=profile)
    made: dict[int, list[dict[str, Any]]] = {}
    of_task: dict[str, set[str]] = defaultdict(set)
    # Whichever order they come in, the same one of two alike is kept.
    for place in sorted(range(len(trajectories)), key=lambda at: (trajectories[at].task.id, trajectories[at].run)):
        trajectory = trajectories[place]
        made[place] = []
        if index.by_task(trajectory.task) is None:
            seen = of_task[trajectory.task.id]
            made[place] = list(_rows(trajectory, config, accept, prompting, dropped, seen, known))
        else:
            # Its solutions alone, which the report then names
            steps = (step for step in trajectory.steps if not step.hypothesis.given)
            made[place] = [sft_row(trajectory, step, RowTexts(trajectory, prompting)) for step in steps]
    rows = [row for place in range(len(trajectories)) for row in made[place]]
    rows, report = decontaminate(rows, index, trajectories, unchecked=unchecked)
    dropped.update(REASONS[match.by] for match in report.matches)
    fair = balance(rows, per_stratum=config.per_stratum, outweigh=config.outweigh, seed=config.seed)
    dropped.update(fair.dropped)
    rows = list(fair.rows)
    if config.size is not None and len(rows) > config.size:
        dropped["over the size asked for"] += len(rows) - config.size
        keys = sorted((row["run"], row["task"], row["hypothesis"]) for row in rows)
        chosen = set(random.Random(config.seed).sample(keys, config.size))
        rows = [row for row in rows if (row["run"], row["task"], row["hypothesis"]) in chosen]
    strata = Counter(stratum for row in rows for stratum in strata_of(row))
    return Curated(rows=tuple(rows), dropped=dict(dropped), strata=dict(sorted(strata.items())), decontamination=report)


def _by_split(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    splits: dict[str, list[Task]] = {}
    for task in tasks:
        splits.setdefault(task.split or "held out", []).append(task)
    return splits


def _rows(
    trajectory: Trajectory,
    config: CurateConfig,
    accept: Accept,
    prompting: Prompting,
    dropped: Counter[str],
    seen: set[str],
    known: NearDuplicates,
) -> Iterable[dict[str, Any]]:
    """The rows of one task, with what was `seen` of it in other runs."""
    steps: list[Step] = [step for step in trajectory.steps if not step.hypothesis.given]
    if not config.verified:
        random.Random(f"{config.seed}/{trajectory.task.id}").shuffle(steps)
    texts = RowTexts(trajectory, prompting)
    for step in steps:
        solution = step.hypothesis.solution
        if solution is None:
            dropped["without a usable solution"] += 1
        elif config.verified and not accepted(step.verdict, accept):
            dropped["not verified" if accept == "verified" else f"neither verified nor {accept}"] += 1
        elif (same := normal_form(solution)) in seen:
            dropped["duplicate"] += 1
        elif len(seen) >= config.per_task:
            dropped["over the bound per task"] += 1
        elif known.known(trajectory.task.prompt, solution):
            dropped["near duplicate"] += 1
        else:
            seen.add(same)
            yield sft_row(trajectory, step, texts)
