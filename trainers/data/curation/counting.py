"""Which replies of a run became no rows, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from gristmill.graph.records import Trajectory
from gristmill.trainers.data.steps import Accepted, asked_steps, is_accepted, is_wrong
from gristmill.verifiers.records import Outcome

__all__ = ["not_rows"]


def not_rows(
    trajectories: Iterable[Trajectory], rows: Sequence[Mapping[str, Any]], accept: str, format: str
) -> dict[str, int]:
    """The replies that stand in no row, by reason; nothing of formats without answers, whose rows are tasks.

    Args:
        accept: one of `gristmill.trainers.data.steps.ACCEPTED`.
        rows: what `gristmill.trainers.data.export.export_rows` gave for the trajectories.
    """
    if rows and "hypothesis" not in rows[0]:
        return {}
    used = {(row["run"], row.get(name)) for row in rows for name in ("hypothesis", "rejected_hypothesis")}
    paired = format in ("preference", "unpaired")
    found: Counter[str] = Counter()
    for trajectory in trajectories:
        for step in asked_steps(trajectory):
            if (trajectory.run, step.hypothesis.id) in used:
                continue
            if step.verdict.outcome is Outcome.UNSCORED:
                found["not judged"] += 1
            elif is_accepted(step.verdict, cast(Accepted, accept)):
                found["accepted, and in no pair" if format == "preference" else "duplicate"] += 1
            elif paired and is_wrong(trajectory.task, step):
                found["wrong, and in no pair" if format == "preference" else "duplicate"] += 1
            else:
                found["not verified" if accept == "verified" else "not accepted"] += 1
    return dict(sorted(found.items()))
