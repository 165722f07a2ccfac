"""Calibrations of a workspace: what agreement is worth by model and adapter, and evaluations read by it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.calibration import (
    Abstaining,
    Calibration,
    Reliability,
    abstaining,
    agreements,
    cross_fitted,
    fit,
    folds_of,
    observations,
    reliability,
)
from gristmill.trainers.measure.estimates import majority
from gristmill.trainers.measure.evaluation import evaluation_of
from gristmill.trainers.measure.records import TaskResult

__all__ = ["Calibrated", "Confidences", "calibrated", "confidences", "find", "keep"]

_KIND, _OWNER = "calibration", "workspace"


class Calibrated(Record):
    """A calibration with where it comes from, and what it is worth on tasks that it has not seen."""

    name: str
    evaluation: str = Field(description="the evaluation whose verified replies it was fitted on")
    model: str
    adapter: str | None = None
    temperature: float
    tasks: tuple[str, ...] = Field(description="ids of the tasks that it was fitted on")
    calibration: Calibration
    raw: Reliability = Field(description="of agreement taken as it is")
    cross_fitted: Reliability = Field(description="of confidences that come of fits without the reply's task")


class Confidences(Record):
    """How sure replies are, none of which is verified by that, and what comes of abstaining."""

    calibration: str = Field(description="its name, or `cross-fitted`: by this evaluation's other tasks")
    seen: int = Field(0, description="tasks among those that the calibration was fitted on: too good there")
    majority: dict[str, float] = Field(description="by task, of the answer that most replies give")
    replies: dict[str, tuple[float, ...]] = Field(description="by task and sample")
    abstaining: Abstaining | None = None


def calibrated(store: Store, evaluation: str, name: str) -> Calibrated:
    """Fit on a stored evaluation of several replies a task.

    Raises:
        UserError: it is no evaluation, has one reply a task, or too few tasks that were scored.
        UnknownRunError: there is no such run.
    """
    run = store.get_run(evaluation)
    samples = run.config.search.hypotheses
    if run.purpose != "evaluation" or samples < 2:
        raise UserError(
            f"{evaluation} is no evaluation of several replies a task; "
            "`gristmill eval --samples 8 --temperature 0.8` makes one"
        )
    seen = observations(evaluation_of(store, evaluation).results)
    tasks = tuple(sorted({each.task for each in seen}))
    if len(tasks) < 2:
        raise UserError(
            f"{evaluation}: {len(tasks)} tasks were scored; a calibration needs two at least, and is good from fifty"
        )
    passed = [each.passed for each in seen]
    return Calibrated(
        name=name,
        evaluation=evaluation,
        model=run.config.model,
        adapter=run.config.adapter,
        temperature=run.config.calls.temperature,
        tasks=tasks,
        calibration=fit(seen, samples),
        raw=reliability([each.agreement for each in seen], passed),
        cross_fitted=reliability(cross_fitted(seen, samples), passed),
    )


def keep(store: Store, found: Calibrated) -> None:
    """Keep a calibration in the workspace, in the place of one of its name."""
    store.documents.put(_KIND, _OWNER, found.name, found)


def find(store: Store, name: str) -> Calibrated:
    """A calibration of the workspace.

    Raises:
        UserError: there is none of that name; those that there are are named.
    """
    found = store.documents.get(_KIND, _OWNER, name, Calibrated)
    if found is None:
        names = (
            ", ".join(store.documents.list(_KIND, _OWNER, Calibrated)) or "none yet: `gristmill calibrate` makes them"
        )
        raise UserError(f"no calibration {name!r} in {store.location}; there are: {names}")
    return found


def confidences(
    results: Sequence[TaskResult], samples: int, by: Calibrated | None = None, threshold: float | None = None
) -> Confidences:
    """How sure each reply and each task's majority is.

    Args:
        results: of several replies a task, verified or not.
        by: the calibration; None takes one that is cross-fitted on these results, so all that were scored are needed.
        threshold: also say what comes of answering from this confidence on only.

    Raises:
        UserError: the calibration is of another number of replies, or nothing can be cross-fitted.
    """
    usable = [result for result in results if result.answers]
    if by is not None and by.calibration.samples != samples:
        raise UserError(
            f"the calibration {by.name} is of {by.calibration.samples} replies a task, not of {samples}: agreement "
            "means another thing there"
        )
    fits = {result.task_id: by.calibration for result in usable} if by is not None else _without(usable, samples)
    replies = {
        result.task_id: tuple(fits[result.task_id].confidence(share) for share in agreements(result.answers))
        for result in usable
    }
    most: dict[str, float] = {}
    for result in usable:
        at = majority(result.answers)
        most[result.task_id] = 0.0 if at is None else replies[result.task_id][at]
    sure = [most[result.task_id] for result in usable]
    return Confidences(
        calibration=by.name if by is not None else "cross-fitted",
        seen=len({result.task_id for result in usable} & set(by.tasks)) if by is not None else 0,
        majority=most,
        replies=replies,
        abstaining=None if threshold is None else abstaining(usable, sure, threshold),
    )


def _without(results: Sequence[TaskResult], samples: int) -> dict[str, Calibration]:
    """By task, a calibration that has seen nothing of it."""
    seen = observations(results)
    fold = folds_of([result.task_id for result in results])
    fits: dict[int, Calibration] = {}
    for number in set(fold.values()):
        others = [each for each in seen if fold[each.task] != number]
        if not others:
            raise UserError("a calibration cannot be cross-fitted on so few scored tasks: name a --calibration")
        fits[number] = fit(others, samples)
    return {name: fits[number] for name, number in fold.items()}
