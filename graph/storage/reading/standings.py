"""How each task of a run stands, asked of the store's columns as far as they know it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from gristmill.graph.events import LeftOut
from gristmill.graph.records import STARTS, StopReason
from gristmill.graph.stopping.ranking import declared_target, graded, merit
from gristmill.graph.storage import schema
from gristmill.graph.storage.entries import CLOSING, LEFT_OUT
from gristmill.graph.storage.reading import queries
from gristmill.graph.summary import CampaignSummary, Closing, TaskStanding
from gristmill.verifiers.judging import is_evaluators_fault
from gristmill.verifiers.records import Direction, Outcome, Task, Verdict

__all__ = ["standings", "summary"]


def standings(connection: Connection, run: str) -> list[TaskStanding]:
    """One row a task, in task order, from what is stored by now."""
    table, hypotheses = schema.trajectories.c, schema.hypotheses.c
    ended = {row.task_id: row for row in connection.execute(select(schema.trajectories).where(table.run == run))}
    last = (
        select(hypotheses.task_id, func.max(hypotheses.round)).where(hypotheses.run == run).group_by(hypotheses.task_id)
    )
    rounds = {task_id: round + 1 for task_id, round in connection.execute(last)}
    calls = queries.calls_by_task(connection, run)
    best = dict(_best(connection, run))
    first, closings = _first_scores(connection, run), _closings(connection, run)
    found = [
        _standing(task, ended.get(task.id), rounds.get(task.id, 0), calls[task.id], best.get(task.id), first[task.id])
        for task in queries.tasks(connection, run)
    ]
    # What was found before a search went on with wider bounds is not of what it has found since.
    return [
        each.model_copy(update={"closing": closing})
        if (closing := closings.get(each.task)) is not None and (each.stop is not None or closing.trouble)
        else each
        for each in found
    ]


def _closings(connection: Connection, run: str) -> dict[str, Closing]:
    table = schema.documents.c
    rows = connection.execute(select(table.key, table.record).where(table.kind == CLOSING, table.owner == run))
    return {row.key: Closing.model_validate_json(row.record) for row in rows}


def _standing(
    task: Task, ended: Any, rounds: int, calls: int, best: tuple[str, Verdict] | None, first: list[float]
) -> TaskStanding:
    id_, verdict = best or (None, None)
    counts = graded(task)
    direction = task.direction or (verdict.direction if verdict else Direction.MAXIMIZE)
    chosen = max if direction is Direction.MAXIMIZE else min
    return TaskStanding(
        task=task.id,
        kind=task.kind,
        stop=None if ended is None else StopReason(ended.stop),
        solved=bool(ended.solved) if ended is not None else verdict is not None and verdict.passed,
        best=id_,
        outcome=None if verdict is None else verdict.outcome,
        strength=None if verdict is None or not verdict.passed else verdict.strength,
        score=None if verdict is None else verdict.score,
        graded=counts,
        baseline=chosen(first) if counts and first else None,
        target=_target(task, verdict) if counts else None,
        rounds=rounds,
        calls=calls,
    )


def _target(task: Task, verdict: Verdict | None) -> float | None:
    target = declared_target(task)
    return verdict.metrics.get("best_known") if target is None and verdict is not None else target


def _best(connection: Connection, run: str) -> Iterator[tuple[str, tuple[str, Verdict]]]:
    """(task, (hypothesis, verdict)): the best on record where the task has ended, else the best so far."""
    columns, over = schema.verdicts.c, schema.trajectories.c
    order = (schema.hypotheses.c.round, schema.hypotheses.c.sample)
    joined = schema.verdicts.join(schema.hypotheses, _same_hypothesis())
    # Of a task that has ended its best alone, of which there are few; so the database leaves out the others.
    recorded = columns.hypothesis_id.in_(select(over.best).where(over.run == run, over.best.is_not(None)))
    open_ = columns.task_id.not_in(select(over.task_id).where(over.run == run))
    query = select(columns.task_id, columns.hypothesis_id).select_from(joined)
    wanted: dict[str, list[str]] = defaultdict(list)
    for task_id, id_ in connection.execute(query.where(columns.run == run, or_(recorded, open_)).order_by(*order)):
        wanted[task_id].append(id_)
    for task_id, ids in wanted.items():
        records = connection.execute(
            select(columns.hypothesis_id, columns.record).where(columns.run == run, columns.hypothesis_id.in_(ids))
        )
        verdicts = {id_: Verdict.model_validate_json(record) for id_, record in records}
        # Of equals the earlier one, as the search has it.
        yield task_id, max(((id_, verdicts[id_]) for id_ in ids), key=lambda each: merit(each[1]))


def _first_scores(connection: Connection, run: str) -> dict[str, list[float]]:
    """By task, the scores of its first hypotheses that could be graded: what it begins with, else the first round."""
    verdicts, hypotheses = schema.verdicts.c, schema.hypotheses.c
    query = select(verdicts.task_id, hypotheses.round, verdicts.score).select_from(
        schema.verdicts.join(schema.hypotheses, _same_hypothesis())
    )
    graded = verdicts.outcome.in_([Outcome.PASSED.value, Outcome.FAILED.value])
    scores: dict[str, list[float]] = defaultdict(list)
    given: set[str] = set()
    which = query.where(verdicts.run == run, hypotheses.round <= 0, graded).order_by(hypotheses.round)
    for task_id, round, score in connection.execute(which):
        if score is not None and math.isfinite(score) and (round == STARTS or task_id not in given):
            scores[task_id].append(score)
            given |= {task_id} if round == STARTS else set()
    return scores


def _same_hypothesis() -> Any:
    return and_(
        schema.hypotheses.c.run == schema.verdicts.c.run, schema.hypotheses.c.id == schema.verdicts.c.hypothesis_id
    )


def summary(connection: Connection, run: str) -> CampaignSummary:
    """What a run has come to so far, which of its verdicts an evaluator has no number for, and who was given up."""
    faulty, fault, fault_of = _faults(connection, run)
    found = queries.summary(connection, run)
    told = {"faulty": faulty, "fault": fault, "fault_of": fault_of, "left_out": _left_out(connection, run)}
    return found.model_copy(update=told)


def _left_out(connection: Connection, run: str) -> dict[str, str]:
    """The models that were given up, with the reason, in this order."""
    table = schema.documents.c
    query = select(table.record).where(table.kind == LEFT_OUT, table.owner == run).order_by(table.at, table.key)
    events = (LeftOut.model_validate_json(record) for record in connection.scalars(query))
    return {event.model: event.detail for event in events}


def _faults(connection: Connection, run: str) -> tuple[int, str, str]:
    """(how many verdicts are unscored by the fault of their task's evaluator, the first such fault, whose it is)."""
    table = schema.verdicts.c
    query = select(table.task_id, table.record).where(table.run == run, table.outcome == Outcome.UNSCORED.value)
    found = (
        (row.task_id, Verdict.model_validate_json(row.record))
        for row in connection.execute(query.order_by(table.task_id, table.hypothesis_id))
    )
    theirs = [(task, verdict.sandbox) for task, verdict in found if is_evaluators_fault(verdict)]
    task, fault = theirs[0] if theirs else ("", "")
    return len(theirs), fault, task
