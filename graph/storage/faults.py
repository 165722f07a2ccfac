"""Verdicts that there are not, as a task's own evaluator had no number: no want of a sandbox, and no resume helps."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gristmill.graph.storage import schema
from gristmill.verifiers.judging import is_evaluators_fault
from gristmill.verifiers.records import Outcome, Verdict

__all__ = ["faults"]


def faults(connection: Connection, run: str) -> tuple[int, str, str]:
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
