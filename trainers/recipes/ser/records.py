"""What SER keeps of each stage, as documents of the store, and the result."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from gristmill.graph.errors import RunMismatchError
from gristmill.graph.resuming import widened
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.calibration import Reliability
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.labelling import Counted, Labelling

__all__ = ["KIND", "Begun", "Measured", "Prepared", "Rewarded", "SerRecords", "SerResult", "Trained", "model_of"]

R = TypeVar("R", bound=Record)
KIND = "ser"
"""Of its documents."""


class Begun(Record):
    """What a run was begun with."""

    config: SerConfig
    pairs: str = Field(description="digest of the pairs, in whatever order")
    base: str


class Prepared(Record):
    """Which pairs fit."""

    too_long: tuple[str, ...]
    tokens: int
    seen: tuple[str, ...] = Field(description="digests of the prompts that the model is trained on or may label")


class Trained(Record):
    """A round's reward model."""

    path: Path
    pairs: int
    loss: float = Field(description="of the last step")


class Rewarded(Record):
    """What a round's model says of every pair that is not trained on, by id."""

    rewards: dict[str, tuple[float, float]]


class Measured(Record):
    """A model on the held-out labels."""

    accuracy: Counted
    by_source: dict[str, Counted]
    reliability: Reliability | None = Field(None, description="of the confidence that the winner wins")


class SerResult(Record):
    """How it ended."""

    name: str
    counts: dict[str, int]
    left_out: dict[str, int]
    rounds: tuple[Labelling, ...]
    stop: str = Field(description="why there were no more rounds")
    chosen: int = Field(description="the round whose model is the result; 0 learned the seen labels alone")
    model: Path
    measured: Measured
    labels_alone: Measured = Field(description="the model of round 0")
    baselines: dict[str, Measured] = Field(description="trained on the same labels: length, tf-idf where it can be had")

    @property
    def measurements(self) -> dict[str, Measured]:
        """What was measured on the held-out labels, by title."""
        found = {f"SER, round {self.chosen}": self.measured, "the seen labels alone": self.labels_alone}
        return found | self.baselines


class SerRecords:
    """The records of one run, by stage: each is there whole or not at all."""

    def __init__(self, store: Store, name: str) -> None:
        self._documents = store.documents
        self._location = store.location
        self.name = name

    def begin(self, now: Begun, *, resume: bool) -> None:
        """Begin, or go on with the same pairs and knobs.

        Raises:
            UserError: the name is taken, there is nothing to resume, or it was begun with something else.
        """
        before = self.read("begun", Begun)
        if not resume:
            if before is not None or not self._documents.add(KIND, self.name, "begun", now):
                raise UserError(f"a SER {self.name!r} exists already: choose another --name, or go on with --resume")
            return
        if before is None:
            raise UserError(f"there is no SER {self.name!r} to resume in {self._location}")
        for field, said in (("pairs", "other pairs"), ("base", "another base model")):
            if getattr(before, field) != getattr(now, field):
                raise RunMismatchError(f"the SER {self.name!r} was begun with {said}; resume it with the same")
        widened(f"the SER {self.name!r}", before.config, now.config, ())

    def begun(self) -> SerConfig | None:
        """The configuration that it was begun with, or None."""
        begun = self.read("begun", Begun)
        return None if begun is None else begun.config

    def write(self, stage: str, record: Record) -> None:
        """Keep a stage's record."""
        self._documents.put(KIND, self.name, stage, record)

    def read(self, stage: str, kind: type[R]) -> R | None:
        """A stage's record, or None if the stage has not ended."""
        return self._documents.get(KIND, self.name, stage, kind)


def model_of(store: Store, model: str) -> tuple[Path, tuple[str, ...] | None]:
    """The folder of a reward model by the name of its SER or by path, and the digests of the prompts that it has seen.

    These are None of a folder: nobody knows.

    Raises:
        UserError: there is none, or its SER has not ended.
    """
    records = SerRecords(store, model)
    result, prepared = records.read("result", SerResult), records.read("prepared", Prepared)
    if result is not None and prepared is not None:
        return result.model, prepared.seen
    if Path(model).is_dir():
        return Path(model), None
    if records.begun() is not None:
        raise UserError(f"the SER {model!r} has not ended: go on with `gristmill recipe ser … --name {model} --resume`")
    raise UserError(f"there is no SER {model!r} in {store.location}, and no folder of that name")
