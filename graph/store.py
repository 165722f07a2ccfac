"""Everything a run has bought and found: one SQLite file per workspace, or PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from gristmill.graph.config import RunConfig
from gristmill.graph.records import Trajectory
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task

__all__ = ["Run", "Store"]


class Run(Record):
    """One run as the store knows it."""

    name: str
    config: RunConfig
    tasks: int
    ended: int
    solved: int
    status: Literal["running", "finished", "interrupted", "failed"]
    detail: str = ""
    created: datetime
    seconds: float


class Store:
    """Runs, tasks, prompts, hypotheses, verdicts, reflections, trajectories, calls and events."""

    @classmethod
    def open(cls, location: str | Path | None = None) -> Store:
        """Open a store, making it where it is missing.

        Args:
            location: an SQLAlchemy URL (``postgresql://…``), the path of an SQLite file, or a workspace folder, whose
                store is ``.gristmill/gristmill.db``; None is the current folder.

        Raises:
            StoreError: it cannot be opened or written.
        """
        raise NotImplementedError

    def create_run(self, name: str, config: RunConfig, tasks: Sequence[Task]) -> None:
        """Write down a new run; RunExistsError if the name is taken."""
        raise NotImplementedError

    def get_run(self, name: str) -> Run:
        """One run; UnknownRunError names those that exist."""
        raise NotImplementedError

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        raise NotImplementedError

    def tasks(self, run: str) -> list[Task]:
        """The tasks of a run, in their order."""
        raise NotImplementedError

    def trajectories(self, run: str) -> Iterator[Trajectory]:
        """Trajectories of the tasks that have ended, in task order; steps in (round, sample) order."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the database; the store cannot be used afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
