"""What `export` does to rows of any format before they are written: held out, alike, too many; each counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from gristmill.graph.records import Trajectory
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curation.balance import balance
from gristmill.trainers.data.curation.contamination import HELD_OUT, REASONS, Decontamination, decontaminate
from gristmill.trainers.data.curation.duplicates import NearDuplicates
from gristmill.trainers.data.curation.heldout import DecontaminationConfig, HeldOut
from gristmill.trainers.data.curation.sources import GATE, TEST, benchmarks, held_out_files, own_splits
from gristmill.verifiers.records import Task

__all__ = ["Cleaned", "Cleaning", "clean"]

_ANSWERS = ("sft", "messages", "sharegpt", "alpaca", "stepwise")


class Cleaning(Record):
    """What rows are held against, and how many there may be."""

    held_out: tuple[str, ...] = Field((), description="task files that no row may share anything with")
    against: str | None = Field(None, description="benchmarks: names, or NAME=FILE, with commas between them")
    config: DecontaminationConfig = DecontaminationConfig()
    show_words: bool = Field(False, description="name the words that rows share with held-out tasks in the report")
    near_duplicate: float | None = Field(None, gt=0, le=1, description="likeness from which two rows are one")
    per_stratum: int | None = Field(None, ge=1, description="rows of a stratum at most")
    outweigh: float | None = Field(None, ge=1, description="no stratum has more times the rows of the median one")
    seed: int = 0


class Cleaned(Record):
    """The rows that are left, in their order."""

    rows: tuple[dict[str, Any], ...]
    left_out: dict[str, int] = Field({}, description="rows that were left out, by reason")
    decontamination: Decontamination = Decontamination()


def clean(
    rows: Sequence[dict[str, Any]],
    trajectories: Sequence[Trajectory],
    tasks: Sequence[Task],
    cleaning: Cleaning,
    *,
    format: str,
) -> Cleaned:
    """Leave out what no training should see, or not that often.

    Rows to train on are held against the run's gate and test tasks; all rows against the files and the benchmarks.
    Duplicates and strata concern rows to train on alone.

    Args:
        tasks: of the run, those too that have not ended.

    Raises:
        UserError: a file cannot be read, or near duplicates are asked for in a format whose rows are not one answer.
    """
    if cleaning.near_duplicate is not None and format not in _ANSWERS:
        raise UserError(f"--near-duplicate: rows of {format} are not one answer each; it is for {', '.join(_ANSWERS)}")
    read, unchecked = benchmarks(cleaning.against)
    own = own_splits(tasks)
    left_out: Counter[str] = Counter()
    kept, report = decontaminate(
        rows,
        HeldOut({**own, **held_out_files(cleaning.held_out), **read}, cleaning.config),
        trajectories,
        own=frozenset((GATE, TEST)),
        unchecked=unchecked,
        show_words=cleaning.show_words,
    )
    left_out.update(REASONS[match.by] for match in report.matches)
    if cleaning.near_duplicate is not None:
        kept = _unlike(kept, trajectories, cleaning.near_duplicate, left_out)
    if cleaning.per_stratum is not None or cleaning.outweigh is not None:
        training = [row for row in kept if row["split"] not in HELD_OUT]
        fair = balance(training, per_stratum=cleaning.per_stratum, outweigh=cleaning.outweigh, seed=cleaning.seed)
        left_out.update(fair.dropped)
        stay = iter(fair.rows)
        following = next(stay, None)
        balanced = []
        for row in kept:
            if row["split"] in HELD_OUT:
                balanced.append(row)
            elif row == following:
                balanced.append(row)
                following = next(stay, None)
        kept = balanced
    return Cleaned(rows=tuple(kept), left_out=dict(left_out), decontamination=report)


def _unlike(
    rows: Sequence[dict[str, Any]], trajectories: Sequence[Trajectory], likeness: float, left_out: Counter[str]
) -> list[dict[str, Any]]:
    known = NearDuplicates(likeness)
    by_place = {
        (each.run, step.hypothesis.id): (each.task.prompt, step.hypothesis.solution or step.hypothesis.text)
        for each in trajectories
        for step in each.steps
    }
    kept = []
    for row in rows:
        if row["split"] not in HELD_OUT and known.known(*by_place[row["run"], row["hypothesis"]]):
            left_out["near duplicate"] += 1
        else:
            kept.append(row)
    return kept
