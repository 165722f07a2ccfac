"""What the stages of an improvement found, as documents of the store: whoever has the store can go on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from gristmill.graph.resuming import widened
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.verifiers.records import Task

__all__ = ["StageRecords"]

R = TypeVar("R", bound=Record)

_KIND, _SECONDS, _BEGUN = "improvement", "improvement seconds", "begun"
_OF_THE_END = ("summary",)


class Begun(Record):
    """What an improvement was begun with."""

    config: ImproveConfig
    tasks: str


class Seconds(Record):
    """Wall time of one stage."""

    seconds: float


class StageRecords:
    """The records of one improvement, by stage: ``gate-before``, ``round-1/campaign``, …

    Each is there whole or not at all. Every method may raise StoreError.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._documents = store.documents
        self.name = name

    def begin(self, config: ImproveConfig, tasks: Sequence[Task], *, resume: bool) -> None:
        """Begin, or go on with the same knobs and tasks; only the rounds may be more than before.

        Where candidates run, and how many calls are in flight, may differ.

        Raises:
            UserError: the name is taken or cannot be used and `resume` was not asked for, or there is nothing to
                resume, or it was begun with other knobs or tasks, or with more rounds.
        """
        digest = hashlib.sha256("\n".join(task.model_dump_json() for task in tasks).encode()).hexdigest()
        now, before = Begun(config=config, tasks=digest), self.read(_BEGUN, Begun)
        if not resume:
            if before is None:
                self._store.check_name(f"{self.name}-round-1")
            if before is not None or not self._documents.add(_KIND, self.name, _BEGUN, now):
                raise UserError(
                    f"an improvement {self.name!r} exists already: choose another --name, or go on with --resume"
                )
            return
        if before is None:
            raise UserError(f"there is no improvement {self.name!r} to resume in {self._store.location}")
        if before.tasks != digest:
            raise UserError(f"the improvement {self.name!r} was begun with other tasks; resume it with the same file")
        if widened(f"the improvement {self.name!r}", before.config, config, ("rounds",)):
            # What the last round left is not yet the end.
            self._documents.remove(_KIND, self.name, *_OF_THE_END)
            self._documents.remove(_SECONDS, self.name, *_OF_THE_END)
            self.write(_BEGUN, now)

    def begun(self) -> ImproveConfig | None:
        """What there is to resume: the configuration that it was begun with, or None."""
        begun = self.read(_BEGUN, Begun)
        return None if begun is None else begun.config

    def write(self, stage: str, record: Record) -> None:
        """Keep a stage's record."""
        self._documents.put(_KIND, self.name, stage, record)

    def read(self, stage: str, kind: type[R]) -> R | None:
        """A stage's record, or None if the stage has not ended.

        Raises:
            UserError: another version of gristmill wrote it.
        """
        return self._documents.get(_KIND, self.name, stage, kind)

    def took(self, stage: str, seconds: float) -> None:
        """Keep how long a stage took."""
        self._documents.put(_SECONDS, self.name, stage, Seconds(seconds=seconds))

    def seconds(self) -> dict[str, float]:
        """Wall time by stage, in the order in which the stages ended."""
        return {stage: kept.seconds for stage, kept in self._documents.list(_SECONDS, self.name, Seconds).items()}
