"""Commands of the loop: run, runs, show, graph. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gristmill.graph.config import RunConfig
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import CampaignSummary
    from gristmill.verifiers.records import Task

__all__ = ["graph", "run", "runs", "show"]

Workspace = Annotated[
    str, typer.Option("--workspace", help="Folder that holds .gristmill/, an SQLite file, or postgresql://….")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def run(
    tasks: Annotated[Path, typer.Argument(help="Task file (JSONL or YAML).")],
    name: Annotated[
        str | None, typer.Option(help="Name of the run, new in the workspace. Default: the file's name and a number.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of this name.")] = False,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; the command line goes before it.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="local, local:PATH, openai:NAME@URL, vllm:NAME, PROVIDER:NAME or replay:FILE. [local]"),
    ] = None,
    adapter: Annotated[str | None, typer.Option(help="Name or path of a LoRA adapter.")] = None,
    strategy: Annotated[str | None, typer.Option(help="reflect or best_of. [reflect]")] = None,
    profile: Annotated[str | None, typer.Option(help="Prompts: auto, chat, or small (few-shot). [auto]")] = None,
    hypotheses: Annotated[int | None, typer.Option(help="Hypotheses per task and round. [4]")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds per task at most. [3]")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Rounds without a better best before a task is given up. [2]")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy. [0.8]")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling. [0.95]")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Of one reply. [512]")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="A reply ends before this text; at most four times.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of sampling. [0]")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Model calls in flight. [64]")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, docker:RUNTIME or bubblewrap. [auto]")] = None,
    confirm: Annotated[
        bool | None, typer.Option("--confirm/--no-confirm", help="Re-run a pass on a fresh worker. [confirm]")
    ] = None,
    calls: Annotated[int | None, typer.Option(help="Budget of the whole run: model calls.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Budget of the whole run: prompt and completion tokens.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Budget of the whole run: wall time.")] = None,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment, for vllm:NAME.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Propose, verify and reflect until each task of a file is solved, or a bound is reached.

    Everything is stored as it arrives. Ctrl-C stops cleanly (exit code 130), a second one at once; --resume goes on
    and buys no stored reply again; rounds and budgets may then be larger than before. Exit code 3: no sandbox, no
    model or a full disk; what was done so far is kept.

    \b
    Examples:
      gristmill run tasks.jsonl
      gristmill run tasks.jsonl --name night --model openai:qwen3@http://127.0.0.1:8000/v1 --rounds 5
      gristmill run tasks.jsonl --name night --resume
      gristmill run tasks.jsonl --name night --resume --rounds 8 --calls 2000
      gristmill run tasks.jsonl --strategy best_of --hypotheses 8 --rounds 1 --calls 500
    """
    import sys

    from rich.console import Console

    from gristmill.graph.commands.settings import free_name, settings
    from gristmill.graph.config import RunConfig
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.sameness import check_same, raised
    from gristmill.graph.storage.store import Store
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError

    if resume and name is None:
        raise UserError("--resume needs the --name of the run; `gristmill runs` lists them")
    given = {
        "model": model,
        "adapter": adapter,
        "strategy": strategy,
        "profile": profile,
        "hypotheses": hypotheses,
        "rounds": rounds,
        "patience": patience,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "stop": tuple(stop) if stop else None,
        "seed": seed,
        "concurrency": concurrency,
        "sandbox": sandbox,
        "confirm": confirm,
        "calls": calls,
        "tokens": tokens,
        "seconds": seconds,
    }
    loaded = load_tasks(tasks)
    with Store.open(workspace) as store:
        base = store.get_run(name).config if resume and name is not None else RunConfig()
        chosen_config = settings(base, config, given)
        chosen = name or free_name(tasks, [known.name for known in store.runs()])
        # Before models and sandboxes are started for it.
        more = False
        if resume:
            check_same(store.get_run(chosen), store.tasks(chosen), chosen_config, loaded)
            more = bool(raised(store.get_run(chosen).config, chosen_config))
        else:
            store.check_name(chosen)
        # With --json, standard output belongs to the program that reads it.
        console = Console(file=sys.stderr if json_ else sys.stdout)
        options = ModelOptions(vllm_python=vllm_python)
        go_on = f"gristmill run {tasks} --name {chosen} --resume" + (
            "" if workspace == "." else f" --workspace {workspace}"
        )
        if resume and not more and store.get_run(chosen).status == "finished" and not store.unended(chosen):
            console.print(f"the run {chosen} has already finished: nothing to resume", highlight=False)
            summary = store.summary(chosen)
        else:
            summary = _run(loaded, chosen_config, chosen, store, resume, options, console, go_on)
        if json_:
            typer.echo(summary.model_dump_json(indent=1))
        _print_summary(console, summary)


def runs(
    every: Annotated[bool, typer.Option("--all", help="Also evaluations, which `eval` and `improve` make.")] = False,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """List the runs of a workspace, oldest first.

    \b
    Examples:
      gristmill runs
      gristmill runs --all
      gristmill runs --workspace postgresql://user@host/mill --json
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from gristmill.graph.storage.store import Store

    with Store.open(workspace, create=False) as store:
        found = [known for known in store.runs() if every or known.purpose == "search"]
    if json_:
        typer.echo(json.dumps([known.model_dump(mode="json") for known in found], indent=1))
        return
    if not found:
        typer.echo("no runs yet: gristmill run TASKS")
        return
    table = Table("run", "status", "tasks", "ended", "solved", "model", "seconds", "created (UTC)", box=None)
    for known in found:
        created = known.created.strftime("%Y-%m-%d %H:%M")
        numbers = (str(known.tasks), str(known.ended), str(known.solved))
        table.add_row(known.name, known.status, *numbers, known.config.model, f"{known.seconds:.1f}", created)
    Console().print(table, markup=False)


def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")],
    task: Annotated[str | None, typer.Option(help="Show one task: every hypothesis with its verdict.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Show one run, or one task of it with all its hypotheses.

    \b
    Examples:
      gristmill show night
      gristmill show night --task HumanEval/32
      gristmill show night --json
    """
    from rich.console import Console

    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError

    with Store.open(workspace, create=False) as store:
        store.get_run(name)
        if task is None:
            summary = store.summary(name)
            if json_:
                typer.echo(summary.model_dump_json(indent=1))
            else:
                _print_summary(Console(), summary)
            return
        if task not in {known.id for known in store.tasks(name)}:
            raise UserError(f"the run {name!r} has no task {task!r}")
        steps = store.steps(name, task)
    if json_:
        import json

        rows = [
            {"hypothesis": made.model_dump(mode="json"), "verdict": verdict and verdict.model_dump(mode="json")}
            for made, verdict in steps
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for made, verdict in steps:
        found = "not judged yet" if verdict is None else f"{verdict.outcome.value}, score {verdict.score}"
        built = f", built on {', '.join(made.parents)}" if made.parents else ""
        typer.echo(f"{_plain(made.id)}: {found}{built}\n  {made.note}")
        typer.echo("\n".join(f"    {line}" for line in _plain(made.solution or made.text).splitlines()))
        if verdict is not None and verdict.feedback:
            typer.echo("\n".join(f"  > {line}" for line in _plain(verdict.feedback).splitlines()))


def graph() -> None:
    """Print the loop as a Mermaid picture, drawn from the graph itself.

    \b
    Example:
      gristmill graph > loop.mmd
    """
    from gristmill.graph.build import mermaid

    typer.echo(mermaid(), nl=False)


def _run(
    tasks: Sequence[Task],
    config: RunConfig,
    name: str,
    store: Store,
    resume: bool,
    options: ModelOptions,
    console: Console,
    go_on: str,
) -> CampaignSummary:
    import asyncio

    from gristmill.graph.campaign import run_campaign
    from gristmill.graph.commands.interrupts import INTERRUPTED, run_interruptibly
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.commands.run_progress import RunProgress
    from gristmill.graph.models.resolve import resolve
    from gristmill.sandbox.errors import InfrastructureError

    proposer = resolve(config.model, adapter=config.adapter, options=options)

    async def campaign() -> CampaignSummary:
        with Display(console, "tasks", unit="tasks") as display:
            async with proposer:
                return await run_campaign(
                    tasks,
                    config,
                    name=name,
                    store=store,
                    proposer=proposer,
                    resume=resume,
                    on_event=RunProgress(display),
                )

    try:
        return run_interruptibly(campaign())
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo(f"Interrupted; what was done so far is kept. Go on with:\n  {go_on}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except InfrastructureError:
        if any(known.name == name for known in store.runs()):
            typer.echo(f"Go on, once that is mended, with:\n  {go_on}", err=True)
        raise


def _print_summary(console: Console, summary: CampaignSummary) -> None:
    def counts(values: dict[Any, int]) -> str:
        return ", ".join(f"{count} {key.value}" for key, count in values.items()) or "none"

    scored = summary.hypotheses - summary.unscored
    reasons = ", ".join(f"{reason.value} ({count})" for reason, count in summary.stops.items()) or "none"
    lines = [
        f"run          {summary.run}: {summary.status}" + (f" ({summary.detail})" if summary.detail else ""),
        f"tasks        {summary.tasks}: {summary.ended} ended, {summary.solved} solved",
        f"ended by     {reasons}",
        f"hypotheses   {summary.hypotheses}: {counts(summary.outcomes)}",
        f"verified     {summary.verified} of {scored} scored ({100 * summary.verified_share:.1f}%)",
        f"calls        {summary.calls}, {summary.repeated} of them repeated after an interruption",
        f"tokens       {summary.tokens.prompt} prompt, {summary.tokens.completion} completion",
        f"seconds      {summary.seconds:.1f}",
    ]
    if summary.cut:
        lines.append(f"cut off      {summary.cut} replies, which had reached --max-tokens")
    if summary.unscored:
        lines.append(f"unscored     {summary.unscored}: not judged for want of a sandbox; --resume tries them again")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _plain(text: str) -> str:
    """Text of a model without the control characters that would steer a terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "�" for character in text)
