"""The command `calibrate`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Json, Workspace
from gristmill.sandbox.plain import say, say_json, say_table

if TYPE_CHECKING:
    from gristmill.trainers.measure.confidence import Calibrated

__all__ = ["calibrate"]


def calibrate(
    evaluation: Annotated[str, typer.Argument(help="A stored evaluation of several replies a task.")],
    name: Annotated[str | None, typer.Option(help="Name of the calibration. Default: the evaluation's.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the reliability diagram, as an SVG file.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Say what the agreement of replies is worth as a confidence, and keep that as a calibration of the workspace.

    The share of a task's replies that give the same answer is fitted to whether they passed (isotonic regression). What
    it is worth is measured by cross-fitting: each reply's confidence comes of a fit that has seen nothing of its task.
    `gristmill eval --abstain .7 --calibration NAME` reads other replies by it. A confidence is no verdict, and nothing
    is called verified for it.
    Exit code 0: it is kept. 2: the evaluation has one reply a task, or too few tasks.

    \b
    Examples:
      gristmill eval tasks.jsonl --split test --samples 8 --temperature 0.8 --name eight
      gristmill calibrate eight
      gristmill calibrate eight --plot reliability.svg
    """
    from gristmill.graph.storage.store import Store
    from gristmill.graph.view.alone import need_svg
    from gristmill.trainers.measure.confidence import calibrated, keep
    from gristmill.trainers.viewing.charts import draw_reliability

    if plot is not None:
        need_svg(plot)
    with Store.open(workspace) as store:
        found = calibrated(store, evaluation, name or evaluation)
        keep(store, found)
    if json_:
        say_json(found.model_dump_json(indent=1))
    else:
        _print(found)
    if plot is not None:
        draw_reliability(
            {"agreement as it is": found.raw, "calibrated, cross-fitted": found.cross_fitted}, plot, "share that passed"
        )
        say(f"wrote {plot}", err=True)


def _print(found: Calibrated) -> None:
    made = found.calibration
    adapter = f", adapter {Path(found.adapter).name}" if found.adapter else ""
    say(f"{found.name}: {found.model}{adapter}, temperature {found.temperature:g}, {made.samples} replies a task")
    say(f"fitted on {made.replies} verified replies to {made.tasks} tasks of {found.evaluation}")
    say("")
    steps = [
        (f"{at:.3f}", f"{value:.3f}")
        for place, (at, value) in enumerate(zip(made.at, made.values, strict=True))
        if place == 0 or value != made.values[place - 1]
    ]
    say_table(("agreement from", "confidence"), steps, right=("agreement from", "confidence"))
    say("")
    say_table(
        ("", "ECE", "Brier"),
        [
            (title, f"{each.ece:.3f}", f"{each.brier:.3f}")
            for title, each in (("agreement as it is", found.raw), ("calibrated, cross-fitted", found.cross_fitted))
        ],
        right=("ECE", "Brier"),
    )
    say("")
    rows = [
        (f"{each.low:.1f}–{each.high:.1f}", str(each.replies), f"{each.confidence:.3f}", f"{each.accuracy:.3f}")
        for each in found.cross_fitted.bins
    ]
    head = ("confidence", "replies", "mean", "right")
    say_table(head, rows, right=head[1:])
