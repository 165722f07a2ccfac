"""What is asked of the store's tables; `gristmill.graph.storage.store.Store` is the door to these."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from gristmill.graph.amounts import dollars
from gristmill.graph.config import RunConfig
from gristmill.graph.records import (
    CUT_FINISHES,
    INSTRUCTION,
    LESSON,
    REASONING_ONLY,
    REPAIR,
    UNANSWERED,
    Hypothesis,
    Message,
    Reflection,
    Step,
    StopReason,
    Tokens,
    Trajectory,
)
from gristmill.graph.storage import schema
from gristmill.graph.storage.entries import MESSAGES
from gristmill.graph.storage.reading.spending import cached, spared, spending
from gristmill.graph.summary import CampaignSummary, Run
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

__all__ = [
    "calls",
    "calls_by_task",
    "cut_off",
    "each_step",
    "prompts",
    "reflections",
    "runs",
    "spent",
    "steps",
    "steps_of",
    "summary",
    "tasks",
    "trajectories",
    "unanswered",
    "unended",
]

_CHUNK = 200


def runs(connection: Connection) -> list[Run]:
    """All runs, oldest first."""
    ended = schema.trajectories.c
    counted = select(schema.tasks.c.run, func.count()).group_by(schema.tasks.c.run)
    tasks = {row[0]: row[1] for row in connection.execute(counted)}
    done = {
        run: (count, solved)
        for run, count, solved in connection.execute(
            select(ended.run, func.count(), func.count().filter(ended.solved)).group_by(ended.run)
        )
    }
    rows = connection.execute(select(schema.runs).order_by(schema.runs.c.created, schema.runs.c.name)).all()
    return [
        Run(
            name=row.name,
            purpose=row.purpose,
            config=RunConfig.model_validate_json(row.config),
            tasks=tasks.get(row.name, 0),
            ended=done.get(row.name, (0, 0))[0],
            solved=done.get(row.name, (0, 0))[1],
            status=row.status,
            detail=row.detail,
            created=datetime.fromtimestamp(row.created, UTC),
            seconds=row.seconds,
        )
        for row in rows
    ]


def tasks(connection: Connection, run: str) -> list[Task]:
    """The tasks of a run, in their order."""
    table = schema.tasks.c
    rows = connection.scalars(select(table.record).where(table.run == run).order_by(table.position))
    return [Task.model_validate_json(row) for row in rows]


def unended(connection: Connection, run: str, after: int = -1, limit: int | None = None) -> list[tuple[int, str]]:
    """(position, id) of tasks behind position `after` that have not ended, have unscored verdicts, or places
    for which the model was asked in vain; in order."""
    table, ended, verdicts = schema.tasks.c, schema.trajectories.c, schema.verdicts.c
    over = select(ended.task_id).where(ended.run == run)
    holes = select(verdicts.task_id).where(verdicts.run == run, verdicts.outcome == Outcome.UNSCORED.value)
    # The id of a hypothesis begins with its task's: "t/1/0/2" is of "t/1".
    asked = {id_.rsplit("/", 2)[0] for id_ in unanswered(connection, run)}
    query = select(table.position, table.id).where(
        table.run == run,
        table.position > after,
        table.id.not_in(over) | table.id.in_(holes) | table.id.in_(sorted(asked)),
    )
    return [(row[0], row[1]) for row in connection.execute(query.order_by(table.position).limit(limit))]


def unanswered(connection: Connection, run: str) -> set[str]:
    """Ids of the hypotheses that there are not, as the model did not answer."""
    calls, hypotheses = schema.calls.c, schema.hypotheses.c
    there = select(hypotheses.id).where(hypotheses.run == run)
    query = select(calls.hypothesis_id).where(calls.run == run, calls.finish == UNANSWERED)
    for written in (LESSON, INSTRUCTION):
        query = query.where(~calls.hypothesis_id.endswith(written, autoescape=True))
    return set(connection.scalars(query.where(calls.hypothesis_id.not_in(there))))


def steps(connection: Connection, run: str, ids: Sequence[str]) -> dict[str, list[tuple[Hypothesis, Verdict | None]]]:
    """Hypotheses by task, in (round, sample) order, with their verdicts as far as there are any."""
    steps: dict[str, list[tuple[Hypothesis, Verdict | None]]] = {task_id: [] for task_id in ids}
    for hypothesis, verdict in _steps(connection, run, schema.hypotheses.c.task_id.in_(ids)):
        steps[hypothesis.task_id].append((hypothesis, verdict))
    return steps


def each_step(connection: Connection, run: str, task_id: str) -> Iterator[tuple[Hypothesis, Verdict | None]]:
    """The hypotheses of a task in (round, sample) order, a few at a time."""
    return _steps(connection, run, schema.hypotheses.c.task_id == task_id)


def steps_of(connection: Connection, run: str, ids: Sequence[str]) -> dict[str, Step]:
    """The judged ones among these hypotheses, by id."""
    pairs = _steps(connection, run, schema.hypotheses.c.id.in_(ids))
    return {
        hypothesis.id: Step(hypothesis=hypothesis, verdict=verdict)
        for hypothesis, verdict in pairs
        if verdict is not None
    }


def _steps(connection: Connection, run: str, which: ColumnElement[bool]) -> Iterator[tuple[Hypothesis, Verdict | None]]:
    hypotheses, verdicts = schema.hypotheses.c, schema.verdicts.c
    joined = schema.hypotheses.outerjoin(
        schema.verdicts, and_(verdicts.run == hypotheses.run, verdicts.hypothesis_id == hypotheses.id)
    )
    query = select(hypotheses.record, verdicts.record).select_from(joined).where(hypotheses.run == run, which)
    rows = connection.execution_options(yield_per=_CHUNK).execute(
        query.order_by(hypotheses.round, hypotheses.sample, hypotheses.id)
    )
    for hypothesis, verdict in rows:
        yield Hypothesis.model_validate_json(hypothesis), verdict and Verdict.model_validate_json(verdict)


def cut_off(connection: Connection, run: str) -> dict[str, int]:
    """How many calls were started and never answered, by hypothesis id."""
    calls = schema.calls.c
    query = select(calls.hypothesis_id, func.count()).where(calls.run == run)
    query = query.where(calls.finished.is_(None) | (calls.finish == UNANSWERED))
    return {row[0]: row[1] for row in connection.execute(query.group_by(calls.hypothesis_id))}


def spent(connection: Connection, run: str) -> tuple[int, Tokens]:
    """Model calls that were started, and the tokens of those that were answered."""
    calls = schema.calls.c
    prompt, completion = func.sum(calls.prompt_tokens), func.sum(calls.completion_tokens)
    row = connection.execute(select(func.count(), prompt, completion).where(calls.run == run)).one()
    return row[0], Tokens(prompt=int(row[1] or 0), completion=int(row[2] or 0))


def calls(connection: Connection, run: str) -> dict[str, int]:
    """Model calls that were started, by the hypothesis or lesson that each was made for, whether that came or not."""
    calls = schema.calls.c
    query = select(calls.hypothesis_id, func.count()).where(calls.run == run).group_by(calls.hypothesis_id)
    # A repair is a part of the turn in which the reply was bought that it repairs.
    return {id_: count for id_, count in connection.execute(query) if not id_.endswith(REPAIR)}


def calls_by_task(connection: Connection, run: str) -> Counter[str]:
    """Model calls that were started, by task."""
    counts: Counter[str] = Counter()
    for id_, count in calls(connection, run).items():
        counts[id_.rsplit("/", 2)[0]] += count
    return counts


def trajectories(connection: Connection, run: str) -> Iterator[Trajectory]:
    """Trajectories of the tasks that have ended, in task order."""
    every = tasks(connection, run)
    for start in range(0, len(every), _CHUNK):
        chunk = every[start : start + _CHUNK]
        ids = [task.id for task in chunk]
        ended = schema.trajectories.c
        query = select(schema.trajectories).where(ended.run == run, ended.task_id.in_(ids))
        endings = {row.task_id: row for row in connection.execute(query)}
        by_task, reflected = steps(connection, run, ids), reflections(connection, run, ids)
        asked = prompts(connection, {hypothesis.prompt_sha for pairs in by_task.values() for hypothesis, _ in pairs})
        for task in chunk:
            if (ending := endings.get(task.id)) is None:
                continue
            whole = [
                Step(hypothesis=hypothesis, verdict=verdict)
                for hypothesis, verdict in by_task[task.id]
                if verdict is not None
            ]
            last = max((step.hypothesis.round for step in whole), default=0)
            yield Trajectory(
                run=run,
                task=task,
                prompts={step.hypothesis.prompt_sha: asked[step.hypothesis.prompt_sha] for step in whole},
                steps=tuple(whole),
                # One that nothing was built on is of a round that was made whole later, and then ended the task.
                reflections=tuple(each for each in reflected[task.id] if each.round < last),
                best=ending.best,
                stop=StopReason(ending.stop),
                detail=ending.detail,
                seconds=ending.seconds,
            )


def reflections(connection: Connection, run: str, ids: Sequence[str]) -> dict[str, list[Reflection]]:
    """What went back to the model after each round, by task, in the order of rounds."""
    table = schema.reflections.c
    query = select(table.task_id, table.record).where(table.run == run, table.task_id.in_(ids)).order_by(table.round)
    by_task: dict[str, list[Reflection]] = defaultdict(list)
    for row in connection.execute(query):
        by_task[row.task_id].append(Reflection.model_validate_json(row.record))
    return by_task


def prompts(connection: Connection, shas: Collection[str]) -> dict[str, tuple[Message, ...]]:
    """The messages of prompts, by sha256."""
    table, wanted = schema.prompts.c, sorted(shas)
    messages: dict[str, tuple[Message, ...]] = {}
    # SQLite bounds the variables of one statement.
    for start in range(0, len(wanted), 10 * _CHUNK):
        query = select(table.sha, table.record).where(table.sha.in_(wanted[start : start + 10 * _CHUNK]))
        messages |= {row.sha: MESSAGES.validate_json(row.record) for row in connection.execute(query)}
    return messages


def _unverified(connection: Connection, run: str) -> dict[Strength, int]:
    """Settled passes that are not verified, by strength."""
    table = schema.verdicts.c
    weak = (table.run == run, table.outcome == Outcome.PASSED.value, ~table.verified)
    records = connection.scalars(select(table.record).where(*weak))
    verdicts = (Verdict.model_validate_json(record) for record in records)
    counts = Counter(verdict.strength for verdict in verdicts if not verdict.pending)
    return {strength: counts[strength] for strength in Strength if counts[strength]}


def summary(connection: Connection, run: str) -> CampaignSummary:
    """What a run has come to so far."""
    hypotheses, verdicts, ended, calls = schema.hypotheses.c, schema.verdicts.c, schema.trajectories.c, schema.calls.c
    about = connection.execute(select(schema.runs).where(schema.runs.c.name == run)).one()
    outcomes = connection.execute(
        select(verdicts.outcome, func.count())
        .where(verdicts.run == run)
        .group_by(verdicts.outcome)
        .order_by(verdicts.outcome)
    )
    stops = connection.execute(
        select(ended.stop, func.count()).where(ended.run == run).group_by(ended.stop).order_by(ended.stop)
    )
    by_outcome = {Outcome(outcome): count for outcome, count in outcomes}
    by_stop = {StopReason(stop): count for stop, count in stops}
    _, tokens = spent(connection, run)
    counted = spending(connection, run)
    cut = [finish + more for finish in CUT_FINISHES for more in ("", REASONING_ONLY)]

    def count(query: object) -> int:
        return int(connection.scalar(query) or 0)  # type: ignore[call-overload]  # any scalar select will do

    return CampaignSummary(
        run=run,
        status=about.status,
        detail=about.detail,
        tasks=count(select(func.count()).where(schema.tasks.c.run == run)),
        ended=sum(by_stop.values()),
        solved=count(select(func.count()).where(ended.run == run, ended.solved)),
        hypotheses=count(select(func.count()).where(hypotheses.run == run)),
        verified=count(select(func.count()).where(verdicts.run == run, verdicts.verified)),
        unverified=_unverified(connection, run),
        unscored=by_outcome.get(Outcome.UNSCORED, 0),
        spared=spared(connection, run),
        outcomes=by_outcome,
        stops=by_stop,
        tokens=tokens.model_copy(update={"cached": cached(connection, run)}),
        calls=counted.calls,
        counted=counted.tokens,
        money=dollars(counted.money),
        repeated=count(select(func.count()).where(calls.run == run, calls.attempt > 1)),
        unanswered=len(unanswered(connection, run)),
        reasoning_only=count(
            select(func.count()).where(calls.run == run, calls.finish.endswith(REASONING_ONLY, autoescape=True))
        ),
        cut=count(select(func.count()).where(calls.run == run, func.lower(calls.finish).in_(cut))),
        seconds=about.seconds,
    )
