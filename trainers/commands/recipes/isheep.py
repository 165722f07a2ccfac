"""The command `recipe isheep`: a model that writes its own training data. Heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.alerts.telling import Alerts, AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import console_for, say_json
from gristmill.trainers.recipes.isheep.config import IsheepConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from gristmill.graph.storage.store import Store
    from gristmill.trainers.recipes.isheep.summary import IsheepSummary
    from gristmill.trainers.records import Share

__all__ = ["isheep"]

_LEFT_OUT = (
    "models adapter strategy hypotheses rounds first_pass rank judge_first population islands features novelty "
    "halving search_patience "
    "same ahead kind method_seed gate gate_batch gate_most gate_step calls tokens seconds money profile ledger "
    "context lessons instructions accept"
).split()


@options_of(IsheepConfig(), leave_out=_LEFT_OUT)
def isheep(
    *,
    name: Annotated[str, typer.Option(help="Of this run; its adapters are NAME-round-1, ….")] = "isheep",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")] = False,
    config: ConfigFile = None,
    workspace: Workspace = ".",
    alert: AlertTo = None,
    trace: Trace = False,
    trace_content: TraceContent = False,
    flags: Flags,
    json_: Json = False,
) -> None:
    """Run I-SHEEP: the model writes prompts and replies, scores them, and is trained on what a filter keeps.

    Where a tool can check a reply, it decides beside the model's own score (--filter "self and tool") or instead of it
    (tool). An adapter is in use only if a gate on fresh prompts keeps it. What the filter kept on the model's word
    alone is in the dataset as not verified. Everything is in the store: what was stopped or killed goes on with
    --resume. See docs/isheep.md for what the paper does otherwise.

    \b
    Examples:
      gristmill recipe isheep --dry-run
      gristmill recipe isheep --prompts 200 --iterations 2 --filter tool --name night
      gristmill recipe isheep --prompts 200 --iterations 2 --filter tool --name night --resume
      gristmill recipe isheep --mtbench 80 --judge openai:big@http://gpu:8000/v1 --ifeval 541 --name whole
    """
    import sys

    from gristmill.graph.commands.interrupts import resumable, run_interruptibly
    from gristmill.graph.commands.settings import one_model, settle
    from gristmill.graph.commands.viewing.looking import how_to_look
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import home_of
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.improve.forecast import measured_rates
    from gristmill.trainers.improve.records import StageRecords
    from gristmill.trainers.methods.weights import base_weights
    from gristmill.trainers.recipes.isheep.forecast import forecast
    from gristmill.trainers.recipes.isheep.measuring.published import check_published
    from gristmill.trainers.viewing.report import write_report
    from gristmill.verifiers.instructions.verifier import require_checkers

    need_training()
    require_checkers()
    if "seed" in flags:
        flags["method_seed"] = flags["seed"]
    # With --json, standard output belongs to the program that reads it.
    console = console_for(file=sys.stderr if json_ else sys.stdout)
    with resumable(resume=resume) as begun_here, Store.open(workspace) as store:

        def begin() -> None:
            begun_here()
            console.print(how_to_look(workspace), soft_wrap=True)

        begun = StageRecords(store, name).read("isheep", IsheepConfig) if resume else None
        stored = None if begun is None else (f"the run {name}", begun)
        chosen = settle(IsheepConfig(), flags, file=config, stored=stored).config
        one_model(chosen.run, "recipe isheep")
        check_published(chosen.measuring)
        base = base_weights(chosen.run.model, chosen.base)
        if not resume:
            rates = measured_rates(store, chosen.run.model, chosen.method.epochs)
            console.print(forecast(chosen, base, rates).words, soft_wrap=True)
        if dry_run:
            return
        with (
            Tracing(store, on=trace, content=trace_content, over=f"recipe {name}"),
            Alerts(alert, store, name, ["gristmill", "view", "--workspace", workspace]) as alerts,
        ):
            work = _run(chosen, name, resume, store, home_of(workspace), base, console, begin, alerts)
            result = run_interruptibly(work)
        # Also of one that had ended: a kill may have come before it.
        write_report(store, "isheep", name, home_of(workspace) / "improvements" / name)
    if json_:
        say_json(result.model_dump_json(indent=1))
    _print(console, result, home_of(workspace) / "improvements" / name)
    if result.adapter is None:
        raise typer.Exit(1)


async def _run(
    config: IsheepConfig,
    name: str,
    resume: bool,
    store: Store,
    home: Path,
    base: Path,
    console: Console,
    begin: Callable[[], None],
    alerts: Alerts,
) -> IsheepSummary:
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.resolve import resolve
    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.recipes.isheep.beginning import flock_of
    from gristmill.trainers.recipes.isheep.rounds import run_isheep

    served = {"lora_rank": config.method.lora.rank, "log_folder": home / "logs"}
    options, judge = ModelOptions.of(config.run.calls, **served), config.measuring.judge
    with Display(console) as progress:
        async with Pool.open(config.run.sandbox, config.run.workers) as pool:
            flock = flock_of(
                config,
                name,
                resume=resume,
                store=store,
                home=home,
                pool=pool,
                proposer=lambda adapter: resolve(config.run.model, adapter=adapter, options=options),
                base=base,
                progress=progress,
                alerts=alerts,
                scoring=None if judge is None else lambda: resolve(judge, options=options),
            )
            begin()
            return await run_isheep(flock)


def _print(console: Console, result: IsheepSummary, folder: Path) -> None:
    from rich.table import Table

    from gristmill.trainers.recipes.isheep.summary import published_lines

    def share(value: Share) -> str:
        return f"{100 * value.rate:.1f}%  ({100 * value.low:.1f}–{100 * value.high:.1f})"

    table = Table(title=f"{result.name}: prompts that are followed, with 95% intervals", title_justify="left")
    for column in ("", "test", "held out", "turn 1", "turn 2"):
        table.add_column(column, justify="right" if column else "left")
    turns = result.base_turns
    if result.base:
        both = (share(turns.first), share(turns.second)) if turns else ("", "")
        table.add_row("base", share(result.base.told), share(result.base.held_out), *both)
    for each in result.iterations:
        if each.test:
            both = (share(each.turns.first), share(each.turns.second)) if each.turns else ("", "")
            kept = "kept" if each.gate and each.gate.kept else "not kept"
            table.add_row(f"{each.number}, {kept}", share(each.test.told), share(each.test.held_out), *both)
    console.print(table)
    for each in result.iterations:
        console.print(
            f"iteration {each.number}: {each.prompts} prompts, {each.pairs} pairs, a tool passed {each.passed} of the "
            f"{each.decided} that it could decide; {each.rows} rows, {each.verified_rows} of them verified"
        )
        for event in each.events.events if each.events else ():
            console.print(f"iteration {each.number}: drift: {event.what} has left its band: {event.words}")
    for line in published_lines(result):
        console.print(line)
    console.print(f"ended    {result.ended}")
    console.print(f"adapter  {result.adapter or 'none kept: the base model stays'}", soft_wrap=True)
    console.print(f"report   {folder / 'report.html'}", soft_wrap=True)
