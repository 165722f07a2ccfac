"""The held-out scores of hypotheses of a run, for the tasks' owner: found once, kept where no model is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gristmill.graph.commands.explaining import evidence_lines, evidence_rows, short_number
from gristmill.graph.commands.reports.summary import opened_again
from gristmill.graph.judging.evaluations import Evaluations, TroubleError, openings
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.storage.entries import Entry
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import say, say_json
from gristmill.verifiers.judging import holds_out
from gristmill.verifiers.records import Evidence

if TYPE_CHECKING:
    from gristmill.graph.records import Step
    from gristmill.graph.summary import Opening

__all__ = ["say_held_out"]


class _Straight:
    """Writes at once, and leaves the run's clock alone: another process may be at work on it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, *entries: Entry) -> None:
        """See `gristmill.graph.storage.journal.Journal.write`."""
        await asyncio.to_thread(self._store.save, entries)


def say_held_out(store: Store, run: str, ids: Sequence[str], sandbox: str | None, as_json: bool) -> None:
    """Score these hypotheses on what their tasks hold out, and print that beside the scores of the search.

    What was scored so before, here or at the close of the search, is not scored again.

    Args:
        sandbox: where candidates run; None is what the run has been begun with.

    Raises:
        UserError: there is no such hypothesis, it has no solution, or its task holds nothing out.
        InfrastructureError: nothing may be concluded on this machine.
    """
    steps = store.steps_of(run, ids)
    tasks = {task.id: task for task in store.tasks(run)}
    for id_ in ids:
        if id_ not in steps:
            raise UserError(
                f"the run {run!r} has no judged hypothesis {id_!r}; `gristmill show {run} --task TASK` lists them"
            )
        task = tasks[steps[id_].hypothesis.task_id]
        if not holds_out(task):
            raise UserError(
                f"task {task.id!r} has no `held_out` instances, which only score tests can have, and no final seeds, "
                "as rewards and losses have"
            )
        if not steps[id_].hypothesis.solution:
            raise UserError(f"{id_} has no solution that could be scored: {steps[id_].verdict.outcome.value}")
    found = asyncio.run(_found(store, run, [steps[id_] for id_ in ids], sandbox))
    opened = {each: openings(store, run, each) for each in sorted({steps[id_].hypothesis.task_id for id_ in ids})}
    if as_json:
        say_json(json.dumps([_row(steps[id_], each, opened) for id_, each in found.items()], indent=1))
        return
    for id_, each in found.items():
        search = steps[id_].verdict.unsettled.score
        parts = ", ".join(f"{name}: {short_number(score)}" for name, score in each.scores.items())
        came = "no score" if each.score is None else f"{short_number(each.score)} ({parts})"
        say(f"{id_}: search {short_number(search)}, held out {came}")
        for line in evidence_lines(each):
            say(f"  {line}")
    for task_id, times in opened.items():
        if len(times) > 1:
            say(opened_again([each.hypothesis for each in times], f"{task_id}: "))


async def _found(store: Store, run: str, steps: Sequence[Step], sandbox: str | None) -> dict[str, Evidence]:
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.registry import Verifiers

    config = store.get_run(run).config
    tasks = {task.id: task for task in store.tasks(run)}
    async with Pool.open(sandbox or config.sandbox, config.workers) as pool:
        evaluations = Evaluations(run, store, _Straight(store), Verifiers(pool, secret=kept_secret(store, run)))
        try:
            known = [await evaluations.held_out_evidence(tasks[step.hypothesis.task_id], step) for step in steps]
        except TroubleError as error:
            raise InfrastructureError(str(error)) from error
    return {step.hypothesis.id: each for step, each in zip(steps, known, strict=True) if each is not None}


def _row(step: Step, evidence: Evidence, opened: Mapping[str, Sequence[Opening]]) -> dict[str, object]:
    return {
        "hypothesis": step.hypothesis.id,
        "task": step.hypothesis.task_id,
        "search": step.verdict.unsettled.score,
        "held_out": evidence.score,
        "scores": evidence.scores,
        "evidence": evidence_rows(evidence),
        "openings": [each.model_dump(mode="json") for each in opened[step.hypothesis.task_id]],
    }
