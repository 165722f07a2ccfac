"""What is stored of the machine under a run: when somebody worked on it, and what went wrong meanwhile."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, func, select

from gristmill.graph.events import Event, LeftOut, RunEnded, ServerTrouble, Settled, Unanswered, WorkerTrouble
from gristmill.graph.records import UNANSWERED
from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database, reading
from gristmill.graph.storage.entries import EVIDENCE
from gristmill.verifiers.incidents.record import Incident, Mechanism
from gristmill.verifiers.records import Evidence, Outcome, Verdict

__all__ = ["CallCounts", "Doubt", "Machine", "Quiet", "Session", "Trouble"]

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_QUIETS = 5
_TROUBLES = 200


class Session(NamedTuple):
    """A time in which somebody worked on a run."""

    began: float
    """Seconds since the epoch, as all times here."""
    last: float
    """When something was stored of it last."""
    status: Literal["finished", "interrupted", "failed", "open"]
    """How it ended; `open` where that was never stored: it goes on, or it was killed."""
    detail: str
    events: int


class Quiet(NamedTuple):
    """A time within a session in which nothing was stored."""

    began: float
    seconds: float


class Trouble(NamedTuple):
    """Something that went wrong outside of any candidate, as it was told."""

    what: Literal["unscored", "unanswered", "given up", "worker", "tried again"]
    of: str
    """The hypothesis that it was first told of, or the model; empty of a worker."""
    detail: str
    times: int


class CallCounts(NamedTuple):
    """Calls of a run."""

    begun: int
    again: int
    """Of these, those that a kill had cut off before."""
    open: int
    """Of these, those without an answer yet: in flight, or cut off by a kill."""
    in_vain: int
    """Of these, those that were given up after all their tries."""


class Doubt(NamedTuple):
    """A verdict that did not stand, or that says that nothing can be decided."""

    id: str
    before: Outcome | None
    """What it was at first, where a second look has changed it."""
    verdict: Verdict


class Machine:
    """Reads of one run. Every method is one transaction and may raise StoreError."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    def sessions(self, run: str) -> tuple[list[Session], list[Quiet]]:
        """The sessions of a run, the oldest first, and the longest quiet times within them, the longest first."""
        table = schema.events.c
        query = select(table.number, table.at, table.kind).where(table.run == run).order_by(table.number)
        sessions: list[Session] = []
        quiets: list[Quiet] = []
        ends: dict[int, RunEnded] = {}
        with reading(self._database, self._engine) as connection:
            wanted = query.with_only_columns(table.number, table.record).where(table.kind == "run_ended")
            for number, record in connection.execute(wanted):
                ends[number] = RunEnded.model_validate_json(record)
            for number, at, kind in connection.execute(query):
                if kind == "run_started" or not sessions:
                    sessions.append(Session(at, at, "open", "", 0))
                now = sessions[-1]
                if now.events:
                    quiets.append(Quiet(now.last, at - now.last))
                end = ends.get(number)
                status, detail = (end.status, end.detail) if end is not None else (now.status, now.detail)
                sessions[-1] = Session(now.began, at, status, detail, now.events + 1)
                if len(quiets) > 1000:
                    quiets = _longest(quiets)
        return sessions, _longest(quiets)

    def troubles(self, run: str) -> list[Trouble]:
        """Lost verdicts and workers, calls in vain or tried again, models given up; the most often first."""
        verdicts, events = schema.verdicts.c, schema.events.c
        lost = select(verdicts.hypothesis_id, verdicts.record).where(
            verdicts.run == run, verdicts.outcome == Outcome.UNSCORED.value
        )
        told = select(events.record).where(
            events.run == run, events.kind.in_(["unanswered", "left_out", "worker_trouble", "server_trouble"])
        )
        counts: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], str] = {}
        with reading(self._database, self._engine) as connection:
            for id_, record in connection.execute(lost.order_by(verdicts.hypothesis_id)):
                _count(counts, first, "unscored", Verdict.model_validate_json(record).sandbox, id_)
            for record in connection.scalars(told.order_by(events.number)):
                event = _EVENT.validate_json(record)
                if isinstance(event, Unanswered):
                    _count(counts, first, "unanswered", event.detail, event.hypothesis)
                elif isinstance(event, LeftOut):
                    _count(counts, first, "given up", event.detail, event.model)
                elif isinstance(event, WorkerTrouble):
                    _count(counts, first, "worker", event.detail, "")
                elif isinstance(event, ServerTrouble):
                    _count(counts, first, "tried again", event.detail, event.model, event.times)
        return [
            Trouble(what, first[what, detail], detail, times)  # type: ignore[arg-type]  # one of the five above
            for (what, detail), times in counts.most_common(_TROUBLES)
        ]

    def outlasted(self, run: str) -> Counter[str]:
        """How often calls of a run were tried again, by what for."""
        table = schema.events.c
        query = select(table.record).where(table.run == run, table.kind == "server_trouble")
        counts: Counter[str] = Counter()
        with reading(self._database, self._engine) as connection:
            for record in connection.scalars(query):
                event = ServerTrouble.model_validate_json(record)
                counts[event.detail] += event.times
        return counts

    def calls(self, run: str) -> CallCounts:
        """The calls of a run by what became of them."""
        calls = schema.calls.c
        count = select(func.count()).where(calls.run == run)
        with reading(self._database, self._engine) as connection:
            return CallCounts(
                begun=int(connection.scalar(count) or 0),
                again=int(connection.scalar(count.where(calls.attempt > 1)) or 0),
                open=int(connection.scalar(count.where(calls.finished.is_(None))) or 0),
                in_vain=int(connection.scalar(count.where(calls.finish == UNANSWERED)) or 0),
            )

    def doubts(self, run: str, *, after: int = 0, limit: int = 100) -> tuple[int, list[Doubt]]:
        """How many verdicts did not stand or decide nothing, and some of them with their records, in order of ids."""
        verdicts = schema.verdicts.c
        with reading(self._database, self._engine) as connection:
            changed = _settled(connection, run)
            query = select(verdicts.hypothesis_id).where(
                verdicts.run == run, verdicts.outcome.in_([Outcome.REFUSED.value, Outcome.FLAKY.value])
            )
            ids = sorted({*connection.scalars(query), *changed})
            some = ids[after : after + limit]
            records = select(verdicts.hypothesis_id, verdicts.record).where(
                verdicts.run == run, verdicts.hypothesis_id.in_(some)
            )
            found = {id_: Verdict.model_validate_json(record) for id_, record in connection.execute(records)}
        return len(ids), [Doubt(id_, changed.get(id_), found[id_]) for id_ in some if id_ in found]

    def incidents(self, run: str) -> tuple[int, dict[str, list[Incident]]]:
        """How many hypotheses are judged, and what was seen of attempts on the judge, by hypothesis."""
        verdicts, kept = schema.verdicts.c, schema.documents.c
        # Text that a candidate wrote has its quotes escaped there.
        some = kept.record.contains('"incidents":[{"', autoescape=True)
        query = select(kept.key, kept.record).where(kept.kind == EVIDENCE, kept.owner == run, some)
        flaky = select(verdicts.hypothesis_id).where(verdicts.run == run, verdicts.outcome == Outcome.FLAKY.value)
        settled = verdicts.record.contains('"together":false', autoescape=True)
        settled |= verdicts.record.contains('"together":true', autoescape=True)
        changed = select(verdicts.hypothesis_id, verdicts.record).where(
            verdicts.run == run, verdicts.outcome != Outcome.PASSED.value, settled
        )
        count = select(func.count()).where(verdicts.run == run, verdicts.outcome != Outcome.UNSCORED.value)
        with reading(self._database, self._engine) as connection:
            judged = int(connection.scalar(count) or 0)
            found = {id_: list(Evidence.model_validate_json(text).incidents) for id_, text in connection.execute(query)}
            second = {
                Mechanism.UNCONFIRMED: list(connection.scalars(flaky)),
                Mechanism.OVERTURNED: [],
                Mechanism.BESIDE: [],
            }
            for id_, text in connection.execute(changed):
                verdict = Verdict.model_validate_json(text)
                if verdict.apart is not None and verdict.together is not (verdict.apart.outcome is Outcome.PASSED):
                    second[Mechanism.BESIDE if verdict.together else Mechanism.OVERTURNED].append(id_)
        for mechanism, ids in second.items():
            for id_ in ids:
                found.setdefault(id_, []).append(Incident(mechanism=mechanism, times=1))
        return judged, found


def _settled(connection: Connection, run: str) -> dict[str, Outcome]:
    """What each verdict was that a second look has changed."""
    table = schema.events.c
    query = select(table.record).where(table.run == run, table.kind == "settled").order_by(table.number.desc())
    events = [Settled.model_validate_json(record) for record in connection.scalars(query)]
    return {event.hypothesis: event.before for event in events}


def _longest(quiets: Sequence[Quiet]) -> list[Quiet]:
    return heapq.nlargest(_QUIETS, quiets, key=lambda each: each.seconds)


def _count(
    counts: Counter[tuple[str, str]],
    first: dict[tuple[str, str], str],
    what: str,
    detail: str,
    of: str,
    times: int = 1,
) -> None:
    counts[what, detail] += times
    first.setdefault((what, detail), of)
