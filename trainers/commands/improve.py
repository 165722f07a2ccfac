"""The command `improve`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.alerts.telling import Alerts, AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import console_for, say_json
from gristmill.trainers.improve.config import ImproveConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.trainers.records import Improvement, Share
    from gristmill.verifiers.records import Task

__all__ = ["improve"]


@options_of(
    ImproveConfig(),
    leave_out=("models", "adapter", "rank", "judge_first", "verified", "curate_seed", "kind", "method_seed"),
)
def improve(
    tasks: Annotated[
        Path | None, typer.Argument(help="Task file (JSONL or YAML) with the splits train, gate and test; or --family.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Name of this improvement, new in the workspace.")] = "improve",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the improvement of this name.")] = False,
    config: ConfigFile = None,
    flags: Flags,
    method: Annotated[
        str | None, typer.Option(help="How an adapter is trained: sft, dpo, kto, grpo or rloo. [sft]")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what it takes of memory and hours, also with larger models; no more."),
    ] = False,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="With --dry-run: tokens of this model that are trained on, and sampled, a second."
        ),
    ] = None,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment, for vllm:PATH.")] = None,
    workspace: Workspace = ".",
    alert: AlertTo = None,
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Improve a model: search, keep what tools verified, train an adapter, keep it only if it is measurably better.

    A gate set that is too small to show that anything is better, or that the base model passes whole, is told before
    anything is spent on it. With --family each round draws fresh tasks, to search and for its gate. --accept holds for
    searches, rows, gate and test alike, and the report says what passes of which strength decided. On --resume all
    knobs are recalled. Exit code 0: an adapter was kept. 1: it ran, and none was better beyond noise. The report is a
    page of its own.

    \b
    Examples:
      gristmill improve tasks.jsonl
      gristmill improve --family list-functions --rounds 3 --name night --workspace runs/
      gristmill improve tasks.jsonl --name night --workspace runs/ --resume
      gristmill improve tasks.jsonl --name night --alert ntfy://my-topic
      gristmill improve tasks.jsonl --name night --trace
    """
    import sys

    from gristmill.graph.commands.interrupts import resumable, run_interruptibly
    from gristmill.graph.commands.settings import one_model, settle
    from gristmill.graph.commands.viewing.looking import how_to_look
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import home_of
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.commands.planned import check_source, default_for, print_plan
    from gristmill.trainers.improve.records import StageRecords
    from gristmill.trainers.improve.splits import split_tasks
    from gristmill.trainers.methods.weights import base_weights
    from gristmill.trainers.viewing.report import write_report
    from gristmill.verifiers.extraction.importing import need_packages

    if "seed" in flags:
        flags["method_seed"] = flags["seed"]
    loaded = None if tasks is None else load_tasks(tasks)
    need_packages(loaded or ())
    need_training()
    # With --json, standard output belongs to the program that reads it.
    console = console_for(file=sys.stderr if json_ else sys.stdout)
    home = home_of(workspace)
    with resumable(resume=resume) as begun_here, Store.open(workspace) as store:

        def begin() -> None:
            begun_here()
            console.print(how_to_look(workspace), soft_wrap=True)

        begun = StageRecords(store, name).begun() if resume else None
        stored = None if begun is None else (f"the improvement {name}", begun)
        chosen = settle(default_for(method), flags, file=config, stored=stored).config
        if method is not None and chosen.method.kind != method:
            raise UserError(f"--method {method}: it was begun, or is configured, with {chosen.method.kind}")
        one_model(chosen.run, "improve")
        check_source(tasks, chosen)
        if dry_run:
            base = base_weights(chosen.run.model, chosen.base)
            drawn = chosen.drawn.train_tasks if loaded is None else None
            searched = drawn or split_tasks(loaded or [], chosen.run.seed).counts["train"]
            print_plan(console, chosen, searched, base, tokens_per_second)
            return
        served = {"vllm_python": vllm_python, "lora_rank": chosen.method.lora.rank, "log_folder": home / "logs"}
        options = ModelOptions.of(chosen.run.calls, **served)
        with (
            Tracing(store, on=trace, content=trace_content, over=f"improve {name}"),
            Alerts(alert, store, name, ["gristmill", "view", "--workspace", workspace]) as alerts,
        ):
            work = _improve(loaded, chosen, name, resume, store, home, options, console, begin, alerts)
            result = run_interruptibly(work)
        # Also of one that had ended: a kill may have come before it.
        write_report(store, "improvement", name, home / "improvements" / name)
    if json_:
        say_json(result.model_dump_json(indent=1))
    _print(console, result, home / "improvements" / name)
    if result.adapter is None:
        raise typer.Exit(1)


async def _improve(
    tasks: list[Task] | None,
    config: ImproveConfig,
    name: str,
    resume: bool,
    store: Store,
    home: Path,
    options: ModelOptions,
    console: Console,
    begin: Callable[[], None],
    alerts: Alerts,
) -> Improvement:
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.judging.secret import kept_secret
    from gristmill.graph.models.resolve import resolve
    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.improve.context import Mill
    from gristmill.trainers.improve.drawn import DrawnSplits
    from gristmill.trainers.improve.forecast import can_show, forecast, measured_rates
    from gristmill.trainers.improve.records import StageRecords
    from gristmill.trainers.improve.rounds import run_rounds
    from gristmill.trainers.improve.splits import Sets, check_gate, split_tasks
    from gristmill.trainers.methods.weights import base_weights
    from gristmill.trainers.records import Improvement

    splits: Sets
    if tasks is None:
        splits = DrawnSplits(config.as_drawn, seed=config.run.seed, secret=kept_secret(store, name))
        tasks = list(splits.test)  # of the same generators, a resume draws the same
    else:
        splits = split_tasks(tasks, config.run.seed)
    base = base_weights(config.run.model, config.base)
    if not resume:
        check_gate(splits, config.level, config.mode)
    with Display(console) as progress:
        records = StageRecords(store, name)
        records.begin(config, tasks, resume=resume)
        begin()
        if resume and (ended := records.read("summary", Improvement)) is not None:
            console.print(f"{name!r} has ended; nothing to resume.")
            return ended
        if splits.note:
            progress.note(splits.note)
        if not resume:
            progress.note(can_show(splits, config))
            rates = measured_rates(store, config.run.model, config.method.epochs)
            foretold = forecast(config, splits, base, rates)
            records.write("forecast", foretold)
            progress.note(foretold.words)
        async with Pool.open(config.run.sandbox, config.run.workers) as pool:
            mill = Mill(
                name=name,
                config=config,
                splits=splits,
                home=home,
                store=store,
                pool=pool,
                proposer=lambda adapter: resolve(config.run.model, adapter=adapter, options=options),
                base=base,
                progress=progress,
                alerts=alerts,
            )
            return await run_rounds(mill)


def _besides(unverified: Mapping[str, int]) -> str:
    from gristmill.verifiers.settling import weaker_words

    return f", {words}" if (words := weaker_words(unverified)) else ""


def _print_curve(console: Console, result: Improvement) -> None:
    """The test set after every round, kept or not, by family, and how many strata have rows."""
    from rich.table import Table

    families = [family for family, _, _ in result.families]
    if not any(round_.test for round_ in result.rounds) or (len(result.rounds) < 2 and len(families) < 2):
        return
    table = Table(title="test set, round by round (asked after the end)", title_justify="left")
    for column in ("", "all", *families, "strata with rows"):
        table.add_column(column + " (never trained on)" * (column in result.held_out_families), justify="right")

    def cells(counts: tuple[tuple[str, int, int], ...]) -> list[str]:
        found = {family: f"{passed}/{total}" for family, passed, total in counts}
        return [found.get(family, "") for family in families]

    table.add_row("before", f"{100 * result.test_before.rate:.1f}%", *cells(result.families), "")
    for round_ in result.rounds:
        if round_.test:
            kept = "kept" if round_.gate and round_.gate.kept else "not kept"
            covered = f"{sum(map(bool, round_.coverage.values()))}/{len(round_.coverage)}" if round_.coverage else ""
            share = f"{100 * round_.test.rate:.1f}%"
            table.add_row(f"round {round_.round + 1}, {kept}", share, *cells(round_.families), covered)
    console.print(table)


def _print(console: Console, result: Improvement, folder: Path) -> None:
    from rich.table import Table

    def share(value: Share) -> str:
        return f"{100 * value.rate:.1f}%  ({100 * value.low:.1f}–{100 * value.high:.1f})"

    table = Table(title=f"{result.name}: pass@1 with 95% intervals", title_justify="left")
    for column in ("", "before", "after"):
        table.add_column(column, justify="right" if column else "left")
    combinations = f", {result.test_combinations} combinations" if result.test_combinations else ""
    table.add_row(
        f"test ({result.test_after.total} held-out tasks{combinations})",
        share(result.test_before),
        share(result.test_after),
    )
    for round_ in result.rounds:
        if round_.gate:
            label = f"gate, round {round_.round + 1} ({round_.gate.after.total} tasks)"
            table.add_row(label, share(round_.gate.before), share(round_.gate.after))
    console.print(table)
    _print_curve(console, result)
    for round_ in result.rounds:
        kept = (
            "nothing to train on"
            if round_.gate is None
            else ("kept: " if round_.gate.kept else "not kept: ") + round_.gate.reason
        )
        console.print(
            f"round {round_.round + 1}: {round_.verified}/{round_.hypotheses} hypotheses verified "
            f"({100 * round_.verified_share:.1f}%{_besides(round_.unverified)}), "
            f"{round_.rows} rows{_besides(round_.weaker_rows)}, {round_.tokens} tokens; {kept}",
        )
    if result.accept != "verified":
        passes = ", ".join(f"{name} {before} → {after}" for name, before, after in result.strengths)
        console.print(
            f"passes of strength {result.accept} count (--accept), and are not verified; on the test set {passes}"
        )
    console.print(
        "wall time: " + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in result.seconds.items()),
    )
    for round_ in result.rounds:
        if round_.dataset:
            console.print(f"dataset  {round_.dataset}", soft_wrap=True)
    console.print(f"adapter  {result.adapter or 'none kept: the base model stays'}", soft_wrap=True)
    console.print(f"report   {folder / 'report.html'}", soft_wrap=True)
