"""Fresh tasks for every round, drawn from families by seeds that nobody can know before their round.

A model that is tuned, round after round, to one gate set is in the end good at that set. So each round has a gate set
of its own. The numbers of all draws come from the improvement's secret; the sha256 of each key is written down before
anything begins, and the key itself when its set is opened: whoever reads the records can draw the same tasks again, and
see that they were fixed before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.config import Drawn
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.secret import seed as seed_of

if TYPE_CHECKING:
    from gristmill.graph.tasks.families.base import Family, Split

__all__ = ["Commitments", "DrawnSplits", "Opened", "gate_part"]

_TEST = "test"


class Commitments(Record):
    """The sha256 of the key of each set, by its part: ``test``, ``round-1/gate``, …; kept before the first call."""

    sha256: dict[str, str]


class Opened(Record):
    """A key that was kept back, written down when its set was first looked at."""

    part: str
    key: str = Field(description="in hex: HMAC-SHA256 of the part's name under the improvement's secret")
    sha256: str


def gate_part(round_: int) -> str:
    """The part of a round's gate set; rounds from 0."""
    return f"round-{round_ + 1}/gate"


class DrawnSplits:
    """The tasks of an improvement whose rounds draw their own. The same arguments give the same tasks.

    Which combinations are held out follows from `seed`, and is the same in all rounds: gate and test ask for other
    combinations than training does. No prompt of the test set is in a gate set or in training, none of a gate set in
    the training of its round or of a later one, and no two gate sets share one.

    Args:
        drawn: which families, how many tasks.
        seed: which combinations are held out.
        secret: from which all draws follow.
        find: a family by its name; None takes those that gristmill has.

    Raises:
        UserError: there is no such family, one is to be both trained on and held out, or there are too few tasks.
    """

    fresh = True
    note = ""

    def __init__(self, drawn: Drawn, *, seed: int, secret: bytes, find: Callable[[str], Family] | None = None) -> None:
        if find is None:
            from gristmill.graph.tasks.families.registry import family

            find = family
        if both := sorted(set(drawn.family) & set(drawn.held_out_family)):
            raise UserError(f"--held-out-family {both[0]}: it is trained on too, by --family; leave one of them out")
        names = [*drawn.family, *drawn.held_out_family]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UserError(f"the family {twice!r} is given twice")
        self._drawn, self._seed, self._secret = drawn, seed, secret
        self._families = {name: find(name) for name in names}
        self._gates: list[tuple[Task, ...]] = []
        self._trains: list[tuple[Task, ...]] = []
        each = max(1, drawn.test_tasks // len(drawn.family))
        sizes = {**_shared(drawn.test_tasks, drawn.family), **dict.fromkeys(drawn.held_out_family, each)}
        self.test = self._draw("test", self.key(_TEST), sizes, ())

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by split; of training and gate, those of one round."""
        return {"train": self._drawn.train_tasks, "gate": self._drawn.gate_tasks, "test": len(self.test)}

    @property
    def held_out_families(self) -> tuple[str, ...]:
        """Families that are in the test set only."""
        return self._drawn.held_out_family

    def key(self, part: str) -> bytes:
        """The key of a part's draws."""
        return hmac.digest(self._secret, part.encode(), hashlib.sha256)

    def commitments(self, rounds: int) -> Commitments:
        """What is written down beforehand of so many rounds."""
        parts = [_TEST, *(gate_part(round_) for round_ in range(rounds))]
        return Commitments(sha256={part: hashlib.sha256(self.key(part)).hexdigest() for part in parts})

    def opened(self, part: str) -> Opened:
        """The key of a part, as it is written down when the part is first looked at."""
        key = self.key(part)
        return Opened(part=part, key=key.hex(), sha256=hashlib.sha256(key).hexdigest())

    def gate_of(self, round_: int) -> tuple[Task, ...]:
        """The gate set of a round, from 0."""
        while len(self._gates) <= round_:
            seen = _prompts(self.test, *self._gates)
            sizes = _shared(self._drawn.gate_tasks, self._drawn.family)
            self._gates.append(self._draw("gate", self.key(gate_part(len(self._gates))), sizes, seen))
        return self._gates[round_]

    def gates_until(self, round_: int) -> tuple[Task, ...]:
        """The gate sets of all rounds up to this one: what its training must not hold."""
        return tuple(task for each in range(round_ + 1) for task in self.gate_of(each))

    def train_of(self, round_: int) -> tuple[Task, ...]:
        """The tasks that a round searches first."""
        while len(self._trains) <= round_:
            at = len(self._trains)
            seen = _prompts(self.test, self.gates_until(at), *self._trains)
            sizes = _shared(self._drawn.train_tasks, self._drawn.family)
            self._trains.append(self._draw("train", self.key(f"round-{at + 1}/train"), sizes, seen))
        return self._trains[round_]

    def strata(self) -> tuple[str, ...]:
        """Every stratum that training may meet."""
        level = self._drawn.difficulty
        return tuple(name for each in self._drawn.family for name in self._families[each].strata(level))

    def of_strata(
        self, round_: int, wave: int, wanted: Mapping[str, int], searched: Sequence[Task]
    ) -> tuple[tuple[str, Task], ...]:
        """New training tasks for strata that lack rows, each with the stratum that it is there for.

        A stratum of which there are no more new tasks gets fewer, or none.

        Args:
            wanted: stratum → how many tasks.
            searched: training tasks of this improvement so far, whose prompts do not come again.
        """
        seen = _prompts(self.test, self.gates_until(round_), self.train_of(round_), searched)
        owners = {
            stratum: name
            for name in self._drawn.family
            for stratum in self._families[name].strata(self._drawn.difficulty)
        }
        found: list[tuple[str, Task]] = []
        for stratum, count in wanted.items():
            if stratum not in owners:
                continue
            name, key = owners[stratum], self.key(f"round-{round_ + 1}/wave-{wave}")
            for size in (count, *range(count - 1, 0, -1)):
                try:
                    tasks = self._families[name].draw(
                        split="train",
                        seed=self._seed,
                        draw=seed_of(key, name, stratum),
                        count=size,
                        difficulty=self._drawn.difficulty,
                        only={stratum},
                        seen=seen,
                    )
                except UserError:
                    continue  # there are fewer than that
                seen |= {task.prompt for task in tasks}
                found += [(stratum, task) for task in tasks]
                break
        return tuple(found)

    def _draw(self, split: Split, key: bytes, sizes: Mapping[str, int], seen: Collection[str]) -> tuple[Task, ...]:
        tasks: list[Task] = []
        for name, count in sizes.items():
            if count:
                drawn = self._families[name].draw(
                    split=split,
                    seed=self._seed,
                    draw=seed_of(key, name),
                    count=count,
                    difficulty=self._drawn.difficulty if name in self._drawn.family else None,
                    seen=seen,
                )
                tasks += drawn
        return tuple(tasks)


def _shared(count: int, names: Sequence[str]) -> dict[str, int]:
    """So many tasks over the families, the first of them having one more where they do not come out even."""
    each, over = divmod(count, len(names))
    return {name: each + (at < over) for at, name in enumerate(names)}


def _prompts(*sets: Sequence[Task]) -> set[str]:
    return {task.prompt for tasks in sets for task in tasks}
