"""Three sets of tasks that share nothing: to learn from, to gate on, to report on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gristmill.sandbox.errors import UserError
from gristmill.trainers.improve.gate import fewest_wins
from gristmill.trainers.improve.gating.config import Mode
from gristmill.trainers.improve.gating.evidence import e_value
from gristmill.verifiers.records import Task

__all__ = ["Sets", "Splits", "check_gate", "split_tasks", "strata_of"]

_MANY = 100


class Sets(Protocol):
    """Where tasks come from: the same in every round (`Splits`), or fresh ones (`DrawnSplits`)."""

    @property
    def fresh(self) -> bool:
        """Whether each round has a gate set of its own."""
        ...

    @property
    def note(self) -> str:
        """What is to be said of them before anything begins."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by split; of a fresh one, those of one round."""
        ...

    @property
    def held_out_families(self) -> tuple[str, ...]:
        """Families that are in the test set only."""
        ...

    @property
    def test(self) -> tuple[Task, ...]:
        """What the end is reported on."""
        ...

    def train_of(self, round_: int) -> tuple[Task, ...]:
        """The tasks that a round, from 0, searches first."""
        ...

    def gate_of(self, round_: int) -> tuple[Task, ...]:
        """The tasks on which a round's adapter is decided."""
        ...

    def gates_until(self, round_: int) -> tuple[Task, ...]:
        """All gate tasks that the training of a round must not hold."""
        ...

    def strata(self) -> tuple[str, ...]:
        """Every stratum of training."""
        ...

    def of_strata(
        self, round_: int, wave: int, wanted: Mapping[str, int], searched: Sequence[Task]
    ) -> tuple[tuple[str, Task], ...]:
        """Training tasks for strata that lack rows, so many each, with the stratum that each is there for."""
        ...


@dataclass(frozen=True)
class Splits:
    """Three sets of tasks that share nothing: to learn from, to gate on, to report on."""

    train: tuple[Task, ...]
    gate: tuple[Task, ...]
    test: tuple[Task, ...]
    note: str = ""
    fresh = False
    held_out_families = ()

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by split."""
        return {"train": len(self.train), "gate": len(self.gate), "test": len(self.test)}

    def train_of(self, round_: int) -> tuple[Task, ...]:
        """The same in every round."""
        return self.train

    def gate_of(self, round_: int) -> tuple[Task, ...]:
        """The same in every round."""
        return self.gate

    def gates_until(self, round_: int) -> tuple[Task, ...]:
        """The one gate set."""
        return self.gate

    def strata(self) -> tuple[str, ...]:
        """Those of the training tasks."""
        return tuple(dict.fromkeys(stratum for task in self.train for stratum in strata_of(task)))

    def of_strata(
        self, round_: int, wave: int, wanted: Mapping[str, int], searched: Sequence[Task]
    ) -> tuple[tuple[str, Task], ...]:
        """The strata's own tasks again, those that were searched least first; none twice."""
        times = Counter(task.id for task in searched)
        found: dict[str, tuple[str, Task]] = {}
        for stratum, count in wanted.items():
            own = [task for task in self.train if stratum in strata_of(task) and task.id not in found]
            for task in sorted(own, key=lambda task: times[task.id])[:count]:
                found[task.id] = (stratum, task)
        return tuple(found.values())


def split_tasks(tasks: Sequence[Task], seed: int = 0) -> Splits:
    """The splits that the tasks name; where none names one, 60:20:20 by a hash of each task's family.

    Fewer than 100 tasks are drawn 40:40:20: a gate of so few finds little anyway.

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
        gate = 20 if len(tasks) >= _MANY else 40
        for task in tasks:
            groups[_drawn(_family(task), seed, gate)] += (task,)
        note = f"no task names a split: drawn {80 - gate}:{gate}:20 by family"
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


def check_gate(splits: Sets, alpha: float, mode: Mode) -> None:
    """Refuse a gate set on which no adapter can ever be found better.

    Raises:
        UserError: says how many tasks it takes.
    """
    most, fewest = splits.counts["gate"], fewest_wins(alpha, mode)
    if most < fewest:
        has, needs = f"p = {0.5**most:.2g}", f"p ≤ {alpha:g}"
        if mode == "open":
            has, needs = f"e = {e_value(most, 0):.2g}", f"e ≥ {1 / alpha:.3g}"
        raise UserError(
            f"the gate set has too few tasks: {most}. An adapter that won all of them would have {has}, "
            f"and is kept only at {needs}: that takes {fewest} tasks at least, and many more in practice. Give "
            "more tasks, or a greater --alpha"
        )


def strata_of(task: Task) -> tuple[str, ...]:
    """What training must cover in a task: its ``stratum:`` tags, without that word, else its family."""
    named = tuple(tag.removeprefix("stratum:") for tag in task.tags if tag.startswith("stratum:"))
    return named or (_family(task),)


def _family(task: Task) -> str:
    for tag in task.tags:
        if tag.startswith(("combo:", "family:")):
            return tag
    return task.id


def _drawn(family: str, seed: int, gate: int) -> str:
    share = int.from_bytes(hashlib.sha256(f"{seed}/{family}".encode()).digest()[:8]) / 2**64
    return "train" if share < (80 - gate) / 100 else "gate" if share < 0.8 else "test"
