"""An improvement: its knobs, its task splits, its folder on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from gristmill.graph.config import RunConfig
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.methods.sft import SftMethod
from gristmill.verifiers.records import Task

__all__ = ["Folder", "ImproveConfig", "Splits", "split_tasks"]

R = TypeVar("R", bound=Record)


class ImproveConfig(Record):
    """How a model is improved. `run` is the search of one round; training always starts at the base model."""

    rounds: int = Field(1, ge=1, le=100)
    run: RunConfig = RunConfig.of(strategy="best_of", hypotheses=12, rounds=1, temperature=0.8, max_tokens=64)
    curate: CurateConfig = CurateConfig()
    # A second method makes this a union, told apart by `kind`.
    method: SftMethod = Field(SftMethod(), description="how an adapter is trained")
    alpha: float = Field(0.05, gt=0, lt=1, description="an adapter is kept if p is at most this")
    base: str | None = Field(None, description="folder of the weights to train; None: those that `run.model` names")


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
        if not members:
            raise UserError(
                f"no task is in the split {name!r}. `improve` needs three sets: train (to learn from), gate (to decide "
                "on an adapter) and test (to report on). Set the tasks' `split` field, or leave it out everywhere to "
                "have them drawn"
            )
    return Splits(groups["train"], groups["gate"], groups["test"], note)


def _family(task: Task) -> str:
    for tag in task.tags:
        if tag.startswith(("combo:", "family:")):
            return tag
    return task.id


def _drawn(family: str, seed: int) -> str:
    share = int.from_bytes(hashlib.sha256(f"{seed}/{family}".encode()).digest()[:8]) / 2**64
    return "train" if share < 0.6 else "gate" if share < 0.8 else "test"


class Folder:
    """Where an improvement keeps what each stage produced, so that a killed one goes on where it was.

    A stage's record is written to a new file and renamed: it is there whole or not at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def make(self, config: ImproveConfig, tasks: Sequence[Task], *, name: str, resume: bool) -> None:
        """Begin, or go on with the same knobs and tasks; only the rounds may be more than before.

        Raises:
            UserError: the name is taken and `resume` was not asked for, or there is nothing to resume, or it was
                begun with other knobs or tasks, or with more rounds.
        """
        digest = hashlib.sha256("\n".join(task.model_dump_json() for task in tasks).encode()).hexdigest()
        begun: dict[str, Any] = {"config": config.model_dump(mode="json"), "tasks": digest}
        known = self.path / "improvement.json"
        if resume:
            if not known.exists():
                raise UserError(f"there is no improvement {name!r} to resume in {self.path.parent}")
            stored = json.loads(known.read_text("utf-8"))
            if stored["tasks"] != digest:
                raise UserError(f"the improvement {name!r} was begun with other tasks; resume it with the same file")
            before = stored["config"]
            changed = [key for key, value in begun["config"].items() if before.get(key) != value and key != "rounds"]
            if changed:
                raise UserError(f"the improvement {name!r} was begun with another `{changed[0]}`; resume it unchanged")
            if config.rounds < before["rounds"]:
                raise UserError(
                    f"the improvement {name!r} was begun with {before['rounds']} rounds: resume it with these, or more"
                )
            if config.rounds > before["rounds"]:
                # What was found about the adapter that the last round left is not yet the end.
                for found in ("summary.json", "report.html", "test-after.json", "test-after.seconds.json"):
                    (self.path / found).unlink(missing_ok=True)
                self.write_json("improvement.json", begun)
            return
        if known.exists():
            raise UserError(f"an improvement {name!r} exists already: choose another --name, or go on with --resume")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InfrastructureError(f"cannot write to the workspace {self.path}: {error.strerror}") from error
        self.write_json("improvement.json", begun)

    def write_json(self, name: str, value: Any) -> None:
        """Write a file whole or not at all."""
        target = self.path / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".partial")
            with partial.open("w", encoding="utf-8") as file:
                json.dump(value, file, indent=1, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            raise InfrastructureError(
                f"cannot write {target}: {error.strerror}; what was done so far is kept"
            ) from error

    def write(self, name: str, record: Record) -> None:
        """Keep a stage's record."""
        self.write_json(name, record.model_dump(mode="json"))

    def read(self, name: str, kind: type[R]) -> R | None:
        """A stage's record, or None if the stage has not ended."""
        path = self.path / name
        if not path.exists():
            return None
        try:
            return kind.model_validate_json(path.read_text("utf-8"))
        except ValidationError as error:
            raise UserError(
                f"{path} is not what this version writes ({error.error_count()} fields differ): "
                "remove it to redo that stage"
            ) from error
