"""A search for a reward or a loss beside its baselines: as `show --baselines` tells it, without training any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.judging.baselines import kept_baselines
from gristmill.graph.judging.evaluations import final_evidence
from gristmill.graph.reports.trained import Trained, trained
from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Chart, Dot, Line, course_chart
from gristmill.graph.view.figures import figure
from gristmill.graph.view.registry import Asked
from gristmill.graph.view.terminal import in_terminal
from gristmill.sandbox.errors import GristmillError
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.comparing import equal_steps
from gristmill.verifiers.trained.reward.feedback import told_curves

__all__ = ["KIND", "TrainedPage", "trained_page"]

KIND = "trained"


@dataclass(frozen=True, slots=True)
class TrainedPage:
    """What the page of such a search shows."""

    run: str
    found: Trained
    best: str | None
    feedback: str
    """Of the winner: its components and metrics along the training, as models were told them."""
    drawn: Sequence[Chart]
    """The same as curves, a quantity each, as their scales differ; none of a loss."""
    compared: bool
    """Whether baselines were trained; a page trains none."""
    show: str


def trained_page(store: Store, asked: Asked) -> TrainedPage | None:
    """The page of `/trained/RUN?id=TASK`; None where nothing is trained with the solutions of that task."""
    run = asked.owner
    task = store.glances.task(run, asked.id)
    if task is None or task.kind not in ("reward", "loss"):
        return None
    standing = next(each for each in store.standings(run) if each.task == task.id)
    final = final_evidence(store, run, standing.best) if standing.best is not None else None
    compared = kept_baselines(store, run, task)
    best = store.glances.one(run, standing.best) if standing.best is not None else None
    feedback = best[1].feedback if best is not None and best[1] is not None else ""
    return TrainedPage(
        run=run,
        found=trained(store, run, standing, compared, _length(task), final),
        best=standing.best,
        feedback=feedback,
        drawn=_drawn(feedback) if task.kind == "reward" else (),
        compared=bool(compared),
        show=in_terminal(store, asked, "show", run, f"--task={task.id}", "--baselines"),
    )


def _drawn(feedback: str) -> list[Chart]:
    runs = told_curves(feedback)
    quantities = dict.fromkeys(name for curves in runs.values() for name in curves)
    return [
        course_chart(
            name,
            "checkpoints",
            name,
            [
                Line(f"{run} run" if run else name, _dots(curves[name]))
                for run, curves in runs.items()
                if name in curves
            ],
        )
        for name in quantities
    ]


def _dots(values: Sequence[float]) -> list[Dot]:
    return [Dot(at, value, f"checkpoint {at}: {figure(value)}") for at, value in enumerate(values, 1)]


def _length(task: Task) -> str:
    """Of every training; an environment of somebody's own file is not known to who shows it."""
    try:
        return equal_steps(task)
    except (GristmillError, ImportError):
        return "as long"
