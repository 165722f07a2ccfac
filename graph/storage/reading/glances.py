"""What somebody who watches asks again and again: of columns, so that ten thousand hypotheses are read in a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, func, select

from gristmill.graph.records import UNANSWERED, Hypothesis, StopReason
from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database, reading
from gristmill.graph.storage.reading import finding, queries
from gristmill.graph.storage.reading.finding import PLACES, Found, Mark, Place
from gristmill.graph.storage.reading.machine import Machine
from gristmill.verifiers.records import Direction, Outcome, Task, Verdict

__all__ = ["Ending", "Flight", "Glance", "Glances"]


class Glance(NamedTuple):
    """A hypothesis and what came of it, as far as columns know."""

    task: str
    id: str
    round: int
    sample: int
    outcome: Outcome | None
    """None while it is not judged."""
    score: float | None
    verified: bool


class Flight(NamedTuple):
    """A call that was begun and not answered yet."""

    hypothesis: str
    attempt: int
    started: float
    """Seconds since the epoch."""


class Ending(NamedTuple):
    """Why the loop of a task has ended."""

    stop: StopReason
    detail: str
    best: str | None
    solved: bool
    seconds: float


class Glances:
    """Short reads of a store. Every method is one transaction and may raise StoreError.

    `machine` has those of what is under a run.
    """

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self.machine = Machine(database, engine)

    def latest(self, run: str | None = None) -> int:
        """The number of the last event, of a run or of all; it grows with each, and 0 is none."""
        query = select(func.max(schema.events.c.number))
        if run is not None:
            query = query.where(schema.events.c.run == run)
        with reading(self._database, self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def hypotheses(self, run: str, task: str | None = None, rounds: Collection[int] | None = None) -> list[Glance]:
        """All of a run, or of a task of it, or of some rounds alone, in the order of places."""
        hypotheses, verdicts = schema.hypotheses.c, schema.verdicts.c
        query = (
            select(
                hypotheses.task_id,
                hypotheses.id,
                hypotheses.round,
                hypotheses.sample,
                verdicts.outcome,
                verdicts.score,
                verdicts.verified,
            )
            .select_from(schema.hypotheses.outerjoin(schema.verdicts, _same()))
            .where(hypotheses.run == run)
        )
        if task is not None:
            query = query.where(hypotheses.task_id == task)
        if rounds is not None:
            query = query.where(hypotheses.round.in_(rounds))
        with reading(self._database, self._engine) as connection:
            rows = connection.execute(query.order_by(hypotheses.round, hypotheses.sample, hypotheses.id))
            return [Glance(*row[:4], row[4] and Outcome(row[4]), row[5], bool(row[6])) for row in rows]

    def counts(self, run: str) -> dict[str, Counter[Outcome]]:
        """Verdicts by task and outcome."""
        table = schema.verdicts.c
        query = select(table.task_id, table.outcome, func.count()).where(table.run == run)
        found: dict[str, Counter[Outcome]] = defaultdict(Counter)
        with reading(self._database, self._engine) as connection:
            for task, outcome, count in connection.execute(query.group_by(table.task_id, table.outcome)):
                found[task][Outcome(outcome)] = count
        return found

    def task(self, run: str, task: str) -> Task | None:
        """One task of a run, or None."""
        table = schema.tasks.c
        with reading(self._database, self._engine) as connection:
            record = connection.scalar(select(table.record).where(table.run == run, table.id == task))
        return None if record is None else Task.model_validate_json(record)

    def direction(self, run: str, task: Task) -> Direction:
        """Which scores of a task are better."""
        if task.direction is not None:
            return task.direction
        table = schema.verdicts.c
        query = select(table.record).where(table.run == run, table.task_id == task.id, table.score.is_not(None))
        with reading(self._database, self._engine) as connection:
            record = connection.scalar(query.limit(1))
        return Direction.MAXIMIZE if record is None else Verdict.model_validate_json(record).direction

    def some(
        self, run: str, task: str, *, after: int, limit: int, outcome: Outcome | None = None
    ) -> tuple[int, list[tuple[Hypothesis, Verdict | None]]]:
        """(how many there are, `limit` of them behind the first `after`), the newest place first."""
        hypotheses, verdicts = schema.hypotheses.c, schema.verdicts.c
        joined = schema.hypotheses.outerjoin(schema.verdicts, _same())
        which = [hypotheses.run == run, hypotheses.task_id == task]
        if outcome is not None:
            which.append(verdicts.outcome == outcome.value)
        source = schema.hypotheses if outcome is None else joined
        order = (hypotheses.round.desc(), hypotheses.sample.desc(), hypotheses.id.desc())
        # Sorted are ids alone: records would be read, and carried through the sorting, of all that are skipped.
        part = select(hypotheses.id).select_from(source).where(*which).order_by(*order).offset(after).limit(limit)
        query = select(hypotheses.record, verdicts.record).select_from(joined)
        with reading(self._database, self._engine) as connection:
            count = connection.scalar(select(func.count()).select_from(source).where(*which))
            ids = connection.scalars(part).all()
            rows = connection.execute(query.where(hypotheses.run == run, hypotheses.id.in_(ids)).order_by(*order)).all()
        return int(count or 0), [
            (Hypothesis.model_validate_json(one), other and Verdict.model_validate_json(other)) for one, other in rows
        ]

    def one(self, run: str, id_: str) -> tuple[Hypothesis, Verdict | None] | None:
        """A hypothesis with its verdict, if there is one; None where there is no such hypothesis."""
        hypotheses, verdicts = schema.hypotheses.c, schema.verdicts.c
        query = select(hypotheses.record, verdicts.record).select_from(
            schema.hypotheses.outerjoin(schema.verdicts, _same())
        )
        with reading(self._database, self._engine) as connection:
            row = connection.execute(query.where(hypotheses.run == run, hypotheses.id == id_)).first()
        if row is None:
            return None
        return Hypothesis.model_validate_json(row[0]), row[1] and Verdict.model_validate_json(row[1])

    def flight(self, run: str) -> list[Flight]:
        """Calls that were begun and not answered yet, the oldest first; a kill leaves some behind."""
        calls = schema.calls.c
        query = select(calls.hypothesis_id, calls.attempt, calls.started).where(
            calls.run == run, calls.finished.is_(None)
        )
        with reading(self._database, self._engine) as connection:
            return [Flight(*row) for row in connection.execute(query.order_by(calls.started))]

    def calls(self, run: str) -> Iterator[tuple[str, float]]:
        """(what each call was made for, when it began), in that order."""
        calls = schema.calls.c
        query = select(calls.hypothesis_id, calls.started).where(calls.run == run)
        with reading(self._database, self._engine) as connection:
            yield from ((row[0], row[1]) for row in connection.execute(query.order_by(calls.started)))

    def endings(self, run: str) -> dict[str, Ending]:
        """By task, of those that have ended."""
        table = schema.trajectories.c
        query = select(table.task_id, table.stop, table.detail, table.best, table.solved, table.seconds)
        with reading(self._database, self._engine) as connection:
            rows = connection.execute(query.where(table.run == run)).all()
        return {row[0]: Ending(StopReason(row[1]), row[2], row[3], bool(row[4]), row[5]) for row in rows}

    def names(self, run: str) -> list[str]:
        """Ids of a run's tasks, in their order."""
        table = schema.tasks.c
        with reading(self._database, self._engine) as connection:
            return list(connection.scalars(select(table.id).where(table.run == run).order_by(table.position)))

    def in_vain(self, run: str) -> int:
        """Calls that were given up after all their tries."""
        calls = schema.calls.c
        query = select(func.count()).where(calls.run == run, calls.finish == UNANSWERED)
        with reading(self._database, self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def prompt(self, sha: str) -> tuple[tuple[str, str], ...]:
        """(role, content) of each message of a prompt; empty where it is not kept."""
        with reading(self._database, self._engine) as connection:
            found = queries.prompts(connection, [sha]).get(sha, ())
        return tuple((message.role, message.content) for message in found)

    def find(
        self,
        text: str,
        *,
        run: str | None = None,
        places: Sequence[Place] = PLACES,
        after: Mark | None = None,
        most: int = 50,
        seconds: float = 3.0,
    ) -> Found:
        """Where a text stands in prompts and replies, see `gristmill.graph.storage.reading.finding.find`."""
        return finding.find(
            self._database, self._engine, text, run=run, places=places, after=after, most=most, seconds=seconds
        )


def _same() -> ColumnElement[bool]:
    return and_(
        schema.verdicts.c.run == schema.hypotheses.c.run, schema.verdicts.c.hypothesis_id == schema.hypotheses.c.id
    )
