"""Pairs whose truth is known: of a run's replies to one prompt, a verified one before a refuted one."""

from __future__ import annotations

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.formats import preference_rows
from gristmill.trainers.recipes.ser.pairs import Pair, pair_of

__all__ = ["pairs_of_run"]


def pairs_of_run(store: Store, run: str) -> list[Pair]:
    """The pairs that `export --format preference` writes of a run, with the task's kind as source.

    Raises:
        UserError: there are none.
        UnknownRunError: there is no such run.
    """
    store.get_run(run)
    kinds = {}
    trajectories = list(store.trajectories(run))
    for trajectory in trajectories:
        kinds[trajectory.task.id] = trajectory.task.kind
    pairs = [
        pair_of({**row, "source": str(kinds.get(row["task"], ""))}, f"{run}: {row['hypothesis']}")
        for row in preference_rows(trajectories)
        if row["chosen"] != row["rejected"]
    ]
    if not pairs:
        raise UserError(f"the run {run!r} has no task with both a verified and a refuted reply to the same prompt")
    return pairs
