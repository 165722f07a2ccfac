"""Everything a run has bought and found: one SQLite file per workspace, or PostgreSQL by URL."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter
from sqlalchemy import URL, Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gristmill.graph.config import RunConfig
from gristmill.graph.errors import RunExistsError, UnknownRunError
from gristmill.graph.events import Event
from gristmill.graph.records import Hypothesis, Message, Reflection, Step, StopReason, Tokens, Trajectory
from gristmill.graph.storage import schema, statements
from gristmill.graph.storage.base import Database, adding, database_trouble, reading, writing
from gristmill.graph.storage.documents import Documents
from gristmill.graph.storage.entries import EVIDENCE, Entry, Keep
from gristmill.graph.storage.reading import queries
from gristmill.graph.storage.reading.glances import Glances
from gristmill.graph.storage.reading.spending import Account
from gristmill.graph.storage.reading.standings import standings, summary
from gristmill.graph.storage.replies import Replies
from gristmill.graph.storage.versions import prepare
from gristmill.graph.storage.workspace import Location, database_at
from gristmill.graph.summary import CampaignSummary, Purpose, Run, Status, TaskStanding
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Evidence, Task, Verdict

__all__ = ["Store"]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Store:
    """Runs, tasks, prompts, hypotheses, verdicts, reflections, trajectories, calls, events; `documents` of others;
    `replies` by what was asked; `account` of what was spent; `glances` for who watches.

    All methods block (the loop writes through a `Journal`) and may raise StoreError; what was stored before is kept.
    """

    def __init__(self, database: Database, engine: Engine) -> None:
        self.database = database
        self.documents = Documents(database, engine)
        self.replies = Replies(database, engine)
        self.account = Account(database, engine)
        self.glances = Glances(database, engine)
        self._engine = engine
        self._entries: dict[tuple[str, Keep, tuple[str, ...]], statements.Prepared] = {}
        self._clock = statements.clock(engine.dialect)

    @classmethod
    def open(cls, location: Location = None, *, create: bool = True) -> Store:
        """Open a store, making it where it is missing (and `create` says so).

        Args:
            location: a URL (``postgresql://…``), the path of an SQLite file, or a folder, whose store is
                ``.gristmill/gristmill.db``; None is the current folder.

        Raises:
            StoreError: it cannot be opened or written.
            UserError: the location is none of these, or nothing is there and nothing was to be made.
        """
        database = database_at(location)
        if not create and not database.exists():
            raise UserError(f"no store at {database.location}: `gristmill run TASKS` makes one; see --workspace")
        with database_trouble(database, "open"):
            engine = database.open()
            with engine.begin() as connection:
                prepare(connection, database)
        return cls(database, engine)

    @property
    def url(self) -> URL:
        """Where the store is, password included."""
        return self.database.url

    @property
    def location(self) -> str:
        """Where the store is, for people."""
        return self.database.location

    def create_run(self, name: str, config: RunConfig, tasks: Sequence[Task], *, purpose: Purpose = "search") -> None:
        """Write down a new run and its tasks, together or not at all.

        Raises:
            RunExistsError: the name is taken.
            UserError: the name cannot be used, or two tasks share an id.
        """
        self.check_name(name)
        seen: set[str] = set()
        for task in tasks:
            if task.id in seen:
                raise UserError(f"two tasks have the id {task.id!r}: ids must differ within a run")
            seen.add(task.id)
        rows = [
            {"run": name, "id": task.id, "position": position, "record": task.model_dump_json()}
            for position, task in enumerate(tasks)
        ]
        begun = {"status": "running", "created": time.time()}
        run = {"name": name, "purpose": purpose, "config": config.model_dump_json(), **begun}
        with self._writing() as connection:
            try:
                connection.execute(insert(schema.runs), run)
            except IntegrityError:
                raise self._taken(name) from None
            if rows:
                connection.execute(insert(schema.tasks), rows)

    def check_name(self, name: str) -> None:
        """See that a new run may have this name, before models and sandboxes are started for it.

        Raises: as `create_run`.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"run name {name!r}: use letters, digits, '.', '_' and '-', at most 100 of them")
        with self._reading() as connection:
            if connection.scalar(select(schema.runs.c.name).where(schema.runs.c.name == name)) is not None:
                raise self._taken(name)

    def get_run(self, name: str) -> Run:
        """One run.

        Raises:
            UnknownRunError: there is none of that name; the message lists those there are.
        """
        runs = self.runs()
        for run in runs:
            if run.name == name:
                return run
        names = ", ".join(run.name for run in runs[-10:]) or "none yet"
        raise UnknownRunError(f"no run {name!r} in {self.location}; there: {names}")

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        with self._reading() as connection:
            return queries.runs(connection)

    def set_status(self, name: str, status: Status, *, detail: str = "", seconds: float) -> None:
        """Say where a run stands; `seconds` is the wall time of all its sessions so far."""
        values = {"status": status, "detail": detail, "seconds": seconds}
        with self._writing() as connection:
            connection.execute(update(schema.runs).where(schema.runs.c.name == name).values(values))

    def reopen(self, name: str, config: RunConfig, reasons: Collection[StopReason]) -> None:
        """Go on with wider bounds: tasks that ended for one of `reasons` have not ended any more. Nothing is lost."""
        ended = schema.trajectories.c
        with self._writing() as connection:
            connection.execute(
                delete(schema.trajectories).where(
                    ended.run == name, ended.stop.in_([reason.value for reason in reasons])
                )
            )
            values = {"config": config.model_dump_json()}
            connection.execute(update(schema.runs).where(schema.runs.c.name == name).values(values))

    def claim(self, name: str) -> AbstractContextManager[None]:
        """Hold a run for this process while the block runs; RunBusyError if another one does."""
        return self.database.claim(self._engine, name)

    def save(self, entries: Iterable[Entry], *, clock: tuple[str, float] | None = None) -> None:
        """Write entries down, together or not at all.

        Args:
            entries: see `gristmill.graph.storage.entries`; writing one twice changes nothing.
            clock: a run and the wall time of its sessions so far, kept up to date on the way.
        """
        groups: dict[tuple[str, Keep, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        for entry in entries:
            groups[entry.table.name, entry.keep, tuple(entry.row)].append(entry.row)
        with adding(self.database, self._engine) as cursor:
            for (table, keep, columns), rows in groups.items():
                self._entry(table, keep, columns).run(cursor, rows)
            if clock is not None:
                self._clock.run(cursor, [dict(zip(("run", "clock"), clock, strict=True))])

    def tasks(self, run: str) -> list[Task]:
        """The tasks of a run, in their order."""
        with self._reading() as connection:
            return queries.tasks(connection, run)

    def unended(self, run: str, *, after: int = -1, limit: int | None = None) -> list[tuple[int, str]]:
        """(position, id) of tasks whose loop has not ended, of whose verdicts some are unscored, or for which the model
        was asked in vain; in order.

        Args:
            run: name of the run.
            after: only tasks behind this position.
            limit: at most so many.
        """
        with self._reading() as connection:
            return queries.unended(connection, run, after, limit)

    def steps(self, run: str, task_id: str) -> list[tuple[Hypothesis, Verdict | None]]:
        """The hypotheses of a task in (round, sample) order, with their verdicts as far as there are any."""
        with self._reading() as connection:
            return queries.steps(connection, run, [task_id])[task_id]

    def each_step(self, run: str, task_id: str) -> Iterator[tuple[Hypothesis, Verdict | None]]:
        """As `steps`, without holding all of them at once."""
        with self._reading() as connection:
            yield from queries.each_step(connection, run, task_id)

    def steps_of(self, run: str, ids: Sequence[str]) -> dict[str, Step]:
        """The judged ones among these hypotheses, by id."""
        with self._reading() as connection:
            return queries.steps_of(connection, run, ids)

    def reflections(self, run: str, task_id: str) -> list[Reflection]:
        """What went back to the model after each round of a task, in order."""
        with self._reading() as connection:
            return queries.reflections(connection, run, [task_id])[task_id]

    def evidence(self, run: str, ids: Sequence[str]) -> dict[str, Evidence]:
        """What only the tasks' owner may read of these hypotheses, by id; nothing that asks a model calls this."""
        records = {id_: self.documents.get(EVIDENCE, run, id_, Evidence) for id_ in ids}
        return {id_: evidence for id_, evidence in records.items() if evidence is not None}

    def cut_off(self, run: str) -> dict[str, int]:
        """How many calls were started and never answered, by hypothesis id."""
        with self._reading() as connection:
            return queries.cut_off(connection, run)

    def spent(self, run: str) -> tuple[int, Tokens]:
        """Model calls that were started, and the tokens of those that were answered."""
        with self._reading() as connection:
            return queries.spent(connection, run)

    def trajectories(self, run: str) -> Iterator[Trajectory]:
        """Trajectories of the tasks that have ended, in task order; steps in (round, sample) order."""
        with self._reading() as connection:
            yield from queries.trajectories(connection, run)

    def summary(self, run: str) -> CampaignSummary:
        """What a run has come to so far."""
        with self._reading() as connection:
            return summary(connection, run)

    def calls(self, run: str) -> Mapping[str, int]:
        """Model calls that were started, by the id of the hypothesis or lesson that each was for; without repairs."""
        with self._reading() as connection:
            return queries.calls(connection, run)

    def standings(self, run: str) -> list[TaskStanding]:
        """How each task of a run stands, in task order."""
        with self._reading() as connection:
            return standings(connection, run)

    def prompts(self, shas: Collection[str]) -> dict[str, tuple[Message, ...]]:
        """The messages of these prompts, by sha256."""
        with self._reading() as connection:
            return queries.prompts(connection, shas)

    def events(self, run: str) -> list[tuple[datetime, Event]]:
        """What happened in a run, in order."""
        table = schema.events.c
        query = select(table.at, table.record).where(table.run == run).order_by(table.number)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [(datetime.fromtimestamp(row.at, UTC), EVENT.validate_json(row.record)) for row in rows]

    def close(self) -> None:
        """Release the database; the store is of no use afterwards."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, name: str) -> RunExistsError:
        return RunExistsError(
            f"the run {name!r} is already in {self.location}: go on with --resume, or choose another --name"
        )

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self.database, self._engine)

    def _writing(self) -> AbstractContextManager[Connection]:
        return writing(self.database, self._engine)

    def _entry(self, table: str, keep: Keep, columns: tuple[str, ...]) -> statements.Prepared:
        key = (table, keep, columns)
        if key not in self._entries:
            self._entries[key] = statements.entry(
                self.database, self._engine.dialect, schema.metadata.tables[table], keep, columns
            )
        return self._entries[key]
