"""The command `recipe ser`: a reward model that labels for itself. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.alerts.telling import Alerts, AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, Tracing
from gristmill.sandbox.plain import console_for, say, say_json, say_table
from gristmill.trainers.recipes.ser.config import SerConfig

if TYPE_CHECKING:
    from gristmill.trainers.recipes.ser.labelling import Counted
    from gristmill.trainers.recipes.ser.records import SerResult

__all__ = ["ser"]


@options_of(SerConfig())
def ser(
    pairs: Annotated[
        Path | None,
        typer.Argument(help="Pairs, JSONL (.gz): prompt, chosen, rejected; or prompt, responses without a label."),
    ] = None,
    *,
    run: Annotated[
        str | None, typer.Option(help="Take verified against refuted replies of this run instead: the truth is known.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of this SER, new in the workspace.")] = "ser",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the SER of this name.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the pairs, say what it will take, and end.")
    ] = False,
    workspace: Workspace = ".",
    base: Annotated[Path | None, typer.Option(help="Folder of the base model; default: the small local one.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw how far confidences on the held-out labels hold, as an SVG file.")
    ] = None,
    config: ConfigFile = None,
    flags: Flags,
    alert: AlertTo = None,
    trace: Trace = False,
    json_: Json = False,
) -> None:
    """Train a reward model on few labels, which labels the other pairs itself where it is sure (SER), and train on.

    Round by round: reward model → scores, centred and calibrated on labels → learning status → confident pairs, until
    neither status yields data. What it is worth is measured on labels that nothing has seen. A reward is no verdict:
    nothing that it labels is verified by that.

    \b
    Examples:
      gristmill recipe ser pairs.jsonl --dry-run
      gristmill recipe ser pairs.jsonl --share 0.15 --cached-layers 28 --name night
      gristmill recipe ser pairs.jsonl --share 0.15 --cached-layers 28 --name night --resume
      gristmill recipe ser --run search --cached-layers 28
    """
    import os
    import sys

    from gristmill.graph.commands.interrupts import resumable
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.commands.settings import settle
    from gristmill.graph.commands.viewing.looking import how_to_look
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import home_of
    from gristmill.graph.view.alone import need_svg
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.methods.weights import base_weights
    from gristmill.trainers.recipes.ser.forecast import forecast
    from gristmill.trainers.recipes.ser.pairs import digest, part, read_pairs, unique

    if (pairs is None) == (run is None):
        raise UserError("what is to be learned? Give a file of pairs, or --run; not both")
    if plot is not None:
        need_svg(plot)
    console = console_for(file=sys.stderr if json_ else sys.stdout)
    read = [] if pairs is None else read_pairs(pairs)
    if not dry_run:
        need_training()
    with Store.open(workspace) as store:
        from gristmill.trainers.recipes.ser.records import Begun, SerRecords

        if run is not None:
            from gristmill.trainers.recipes.ser.stored import pairs_of_run

            read = pairs_of_run(store, run)
        records = SerRecords(store, name)
        begun = records.begun() if resume else None
        chosen = settle(
            SerConfig(), flags, file=config, stored=None if begun is None else (f"the SER {name}", begun)
        ).config
        kept, left_out = unique(read)
        parts, weights = part(kept, chosen), base_weights("local", base)
        found = forecast(kept, parts, chosen, weights, len(os.sched_getaffinity(0)))
        gone = "".join(f", {count} left out: {reason}" for reason, count in left_out.items())
        console.print(f"{len(kept)} pairs{gone}", soft_wrap=True)
        console.print(
            f"labels: {len(parts.trained)} to train on, {len(parts.calibrating)} to calibrate by, "
            f"{len(parts.held_out)} held out; {len(parts.pool)} pairs in the pool",
            soft_wrap=True,
        )
        console.print(found.words, soft_wrap=True)
        if dry_run:
            if json_:
                say_json(found.model_dump_json(indent=1))
            return
        home = home_of(workspace)
        folder = home / "recipes" / name
        if not resume and folder.exists():
            raise UserError(f"{folder} exists already: choose another --name")
        records.begin(Begun(config=chosen, pairs=digest(*(p.id for p in kept)), base=str(weights)), resume=resume)
        from gristmill.trainers.recipes.ser.loop import run_ser, ser_alerts
        from gristmill.trainers.recipes.ser.stages import Bench

        shown = ["gristmill", "recipe", "ser", *([str(pairs)] if pairs else ["--run", str(run)])]
        shown += ["--name", name, "--resume", "--workspace", workspace]
        with (
            resumable(resume=resume) as begin,
            Tracing(store, on=trace, over=f"recipe {name}"),
            Alerts(alert, store, name, shown) as alerts,
            Display(console) as progress,
        ):
            begin()
            console.print(how_to_look(workspace), soft_wrap=True)
            result = run_ser(
                Bench(
                    name=name,
                    config=chosen,
                    pairs=kept,
                    left_out=left_out,
                    base=weights,
                    home=home,
                    records=records,
                    progress=progress,
                )
            )
            alerts.tell(*ser_alerts(result))
    if json_:
        say_json(result.model_dump_json(indent=1))
    else:
        _print(result)
    if plot is not None:
        from gristmill.trainers.viewing.charts import draw_reliability

        curves = {title: found.reliability for title, found in result.measurements.items() if found.reliability}
        draw_reliability(curves, plot, "share of winners ranked first")
        say(f"wrote {plot}", err=True)


def _print(result: SerResult) -> None:
    def share(counted: Counted) -> str:
        return f"{counted.right}/{counted.of}" + ("" if counted.share is None else f" ({100 * counted.share:.1f}%)")

    say_table(
        [
            "round",
            "status",
            "calibrating labels right",
            "labelled",
            "new",
            "swapped",
            "back",
            "right, where it is known",
        ],
        [
            [
                str(each.round),
                "none" if each.status is None else str(each.status),
                share(each.accuracy),
                str(len(each.labels)),
                str(each.added),
                str(each.swapped),
                str(each.returned),
                share(each.precision["all"]),
            ]
            for each in result.rounds
        ],
    )
    say(f"ended: {result.stop}; the model of round {result.chosen} counts")
    say_table(
        ["on the held-out labels", "accuracy", "ECE"],
        [
            [title, share(found.accuracy), f"{found.reliability.ece:.3f}" if found.reliability else ""]
            for title, found in result.measurements.items()
        ],
    )
    if len(result.measured.by_source) > 1:
        say_table(["source", "accuracy"], [[source, share(each)] for source, each in result.measured.by_source.items()])
    say(f"model  {result.model}")
