"""Three sets of tasks that share nothing: to learn from, to gate on, to report on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.sandbox.errors import UserError
from gristmill.trainers.improve.gate import fewest_wins
from gristmill.verifiers.records import Task

__all__ = ["Splits", "check_gate", "split_tasks"]


@dataclass(frozen=True)
class Splits:
    """Three sets of tasks that share nothing: to learn from, to gate on, to report on."""

    train: tuple[Task, ...]
    gate: tuple[Task, ...]
    test: tuple[Task, ...]
    note: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by split."""
        return {"train": len(self.train), "gate": len(self.gate), "test": len(self.test)}


def split_tasks(tasks: Sequence[Task], seed: int = 0) -> Splits:
    """The splits that the tasks name; where none names one, 60:20:20 by a hash of each task's family.

    A family is a task's ``combo:`` or ``family:`` tag, else its id: templated siblings stay on one side.

    Raises:
        UserError: some tasks name a split and others do not, or one of the three would be empty.
    """
    named = [task for task in tasks if task.split is not None]
    if named and len(named) < len(tasks):
        missing = next(task.id for task in tasks if task.split is None)
        raise UserError(
            f"{len(tasks) - len(named)} of {len(tasks)} tasks have no split, {missing!r} first: give all or none"
        )
    if named:
        groups = {name: tuple(task for task in tasks if task.split == name) for name in ("train", "gate", "test")}
        note = ""
    else:
        groups = {"train": (), "gate": (), "test": ()}
        for task in tasks:
            groups[_drawn(_family(task), seed)] += (task,)
        note = "no task names a split: drawn 60:20:20 by family"
    for name, members in groups.items():
        if not members and not named:
            families = len({_family(task) for task in tasks})
            raise UserError(
                f"no task names a split, and the draw of {len(tasks)} tasks in {families} families left {name!r} "
                "empty: give more tasks, another --seed, or set each task's `split` to train, gate or test"
            )
        if not members:
            raise UserError(
                f"no task is in the split {name!r}. `improve` needs three sets: train (to learn from), gate (to decide "
                "on an adapter) and test (to report on). Set the tasks' `split` field, or leave it out everywhere to "
                "have them drawn"
            )
    return Splits(groups["train"], groups["gate"], groups["test"], note)


def check_gate(splits: Splits, alpha: float) -> None:
    """Refuse a gate set on which no adapter can ever be found better.

    Raises:
        UserError: says how many tasks it takes.
    """
    most, fewest = len(splits.gate), fewest_wins(alpha)
    if most < fewest:
        raise UserError(
            f"the gate set has too few tasks: {most}. An adapter that won all of them would have p = {0.5**most:.2g}, "
            f"and is kept only at p ≤ {alpha:g}: that takes {fewest} tasks at least, and many more in practice. Give "
            "more tasks, or a greater --alpha"
        )


def _family(task: Task) -> str:
    for tag in task.tags:
        if tag.startswith(("combo:", "family:")):
            return tag
    return task.id


def _drawn(family: str, seed: int) -> str:
    share = int.from_bytes(hashlib.sha256(f"{seed}/{family}".encode()).digest()[:8]) / 2**64
    return "train" if share < 0.6 else "gate" if share < 0.8 else "test"
