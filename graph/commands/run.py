"""The command `run`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.alerts.telling import AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Languages, Models, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent
from gristmill.graph.config import RunConfig
from gristmill.sandbox.plain import console_for, say_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from gristmill.graph.commands.alerts.telling import Alerts
    from gristmill.graph.events import Listener
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import CampaignSummary
    from gristmill.verifiers.records import Task
    from gristmill.verifiers.trained.external.program import OwnTrainer

__all__ = ["Call", "run", "run_tasks"]


@options_of(RunConfig(), leave_out=("models",), repeated=("model",))
def run(
    tasks: Annotated[Path, typer.Argument(help="Task file (JSONL or YAML).")],
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the run, new in the workspace. Default: the file's name and a number.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of this name.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what the run may cost at most and typically, and do nothing else.")
    ] = False,
    config: ConfigFile = None,
    models: Models = None,
    flags: Flags,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment, for vllm:NAME.")] = None,
    workspace: Workspace = ".",
    languages: Languages = None,
    alert: AlertTo = None,
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Propose, verify and reflect until each task of a file is solved, or a bound is reached.

    Everything is stored as it arrives. Ctrl-C stops cleanly (exit code 130), a second one at once; --resume goes on
    and buys no stored reply again; rounds and budgets may then be larger than before. Budgets are never exceeded: the
    most that a call may cost is held before it is made; --estimate says what a run may cost. Exit code 3: no sandbox,
    no model or a full disk; what was done so far is kept.

    \b
    Examples:
      gristmill run tasks.jsonl
      gristmill run tasks.jsonl --name night --model openai:qwen3@http://127.0.0.1:8000/v1 --rounds 5
      gristmill run tasks.jsonl --name night --resume
      gristmill run tasks.jsonl --name night --resume --rounds 8 --patience 4 --calls 2000
      gristmill run tasks.jsonl --name night --calls 2000 --alert ntfy://my-topic
      gristmill run tasks.jsonl --name night --trace
      gristmill run tasks.jsonl --model openai:big@http://127.0.0.1:8000/v1 --call-timeout 1800 --retry-seconds 5400
      gristmill run tasks.jsonl --request top_k=20 --request 'chat_template_kwargs={"enable_thinking": false}'
      gristmill run tasks.jsonl --name night --model mailbox
      gristmill run tasks.jsonl --model mutate --rounds 200 --patience 200
      gristmill run tasks.jsonl --strategy auto --model local --model mutate --rounds 200 --patience 200
      gristmill run tasks.jsonl --models models.yaml --name again --reuse
      gristmill run tasks.jsonl --strategy best_of --hypotheses 8 --rounds 1 --calls 500
      gristmill run tasks.jsonl --hypotheses 8 --rank reward:night --judge-first 2
      gristmill run tasks.jsonl --model openai:gpt-5-mini --money 2 --estimate
      gristmill run tasks.jsonl --model openai:qwen3@http://gpu:8000/v1 --price 0.4,1.6 --money 2
    """
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.extraction.importing import need_packages

    if resume and name is None:
        raise UserError(NO_NAME)
    loaded = load_tasks(tasks)
    need_packages(loaded)
    call = Call(
        words=("run", str(tasks)),
        stem=tasks.name,
        name=name,
        resume=resume,
        estimate=estimate,
        config=config,
        models=models,
        flags=flags,
        vllm_python=vllm_python,
        workspace=workspace,
        json=json_,
        alert=tuple(alert or ()),
        trace=trace,
        trace_content=trace_content,
    )
    run_tasks(loaded, RunConfig(), call)


NO_NAME = "--resume needs the --name of the run; `gristmill runs` lists them"


@dataclass(frozen=True)
class Call:
    """How a command that runs tasks was called.

    `words` are the command and its arguments, `stem` what a run without a name is called after; the rest are options.
    """

    words: tuple[str, ...]
    stem: str
    name: str | None
    resume: bool
    estimate: bool
    config: Path | None
    models: Path | None
    flags: Flags
    vllm_python: Path | None
    workspace: str
    json: bool
    alert: tuple[str, ...] = field(default=(), repr=False)  # addresses that may hold keys
    trace: bool = False
    trace_content: bool = False


def run_tasks(
    given: Sequence[Task] | None,
    default: RunConfig,
    call: Call,
    *,
    forecast: Callable[[RunConfig], str] | None = None,
    trainer: OwnTrainer | None = None,
) -> None:
    """Run tasks as a command does: settle how, estimate or run, and say what came of it.

    Args:
        given: the tasks; None takes those of the run that is resumed.
        default: what holds where nothing else is said.
        call: how the command was called.
        forecast: says of a new run, beside what it may cost, what else it will take.
        trainer: the user's own program that scores the tasks.

    Raises:
        UserError: the user's mistake.
    """
    import json
    import shlex
    import sys

    from gristmill.graph.commands.alerts.telling import Alerts
    from gristmill.graph.commands.reports.estimate import print_estimate
    from gristmill.graph.commands.reports.summary import of_prices, of_ranking, print_summary
    from gristmill.graph.commands.settings import chosen_models, free_name, settle
    from gristmill.graph.commands.tracing.telling import Tracing
    from gristmill.graph.commands.viewing.looking import how_to_look
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.prices import PRICES, Prices, prices_of
    from gristmill.graph.reports.estimate import estimate as cost_of
    from gristmill.graph.resuming import decide_run
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError

    name, resume, workspace = call.name, call.resume, call.workspace
    if resume and name is None:
        raise UserError(NO_NAME)
    with Store.open(workspace) as store:
        stored = (f"the run {name}", store.get_run(name).config) if resume and name is not None else None
        chosen_config = settle(default, chosen_models(call.flags, call.models), file=call.config, stored=stored).config
        loaded = store.tasks(name) if given is None and name is not None else list(given or ())
        chosen = name or free_name(Path(call.stem), [each.name for each in store.runs()])
        # Before models and sandboxes are started for it.
        decision = decide_run(store, chosen, chosen_config, loaded, resume=resume)
        prices = prices_of(chosen_config, store.documents.get(PRICES, chosen, "", Prices) if resume else None)
        # With --json, standard output belongs to the program that reads it.
        console = console_for(file=sys.stderr if call.json else sys.stdout)
        if forecast is not None and not resume:
            console.print(forecast(chosen_config), soft_wrap=True)
        if call.estimate:
            told = cost_of(store, chosen_config, loaded, prices, resumed=chosen if resume else None)
            if call.json:
                say_json(told.model_dump_json(indent=1))
            print_estimate(console, told)
            return
        options = ModelOptions.of(chosen_config.calls, vllm_python=call.vllm_python, workspace=workspace, run=chosen)
        where = [] if workspace == "." else ["--workspace", workspace]
        vllm = [] if call.vllm_python is None else ["--vllm-python", str(call.vllm_python)]
        go_on = shlex.join(["gristmill", *call.words, "--name", chosen, "--resume", *where, *vllm])
        if decision.step == "nothing":
            console.print(f"the run {chosen} has already finished: nothing to resume")
            summary = store.summary(chosen)
        else:
            look = how_to_look(workspace, chosen)
            with (
                Tracing(store, on=call.trace, content=call.trace_content),
                Alerts(call.alert, store, chosen, ["gristmill", "show", chosen, *where]) as alerts,
            ):
                summary = _run(
                    loaded, chosen_config, chosen, store, resume, options, console, go_on, look, trainer, alerts
                )
        standings = store.standings(chosen)
        if call.json:
            table = [each.model_dump(mode="json") for each in standings]
            say_json(json.dumps({**summary.model_dump(mode="json"), "table": table}, indent=1))
        print_summary(console, summary, standings, of_prices(store, chosen), of_ranking(store, chosen))


def _run(
    tasks: Sequence[Task],
    config: RunConfig,
    name: str,
    store: Store,
    resume: bool,
    options: ModelOptions,
    console: Console,
    go_on: str,
    look: str,
    trainer: OwnTrainer | None,
    alerts: Alerts,
) -> CampaignSummary:
    from gristmill.graph.campaign import left_out, run_campaign
    from gristmill.graph.commands.run_progress import run_shown
    from gristmill.graph.events import Event, RunStarted
    from gristmill.graph.models.roster.proposer import proposer_of

    proposer = proposer_of(config.members, options, left_out=left_out(store, name) if resume else ())

    async def campaign(progress: Listener) -> CampaignSummary:
        def told(event: Event) -> None:
            progress(event)
            if isinstance(event, RunStarted):  # before that there is nothing to look at
                console.print(look, soft_wrap=True)

        return await run_campaign(
            tasks,
            config,
            name=name,
            store=store,
            proposer=proposer,
            resume=resume,
            on_event=alerts.beside(told, config),
            trainer=trainer,
        )

    onward = f":\n  {go_on}"
    return run_shown(
        campaign, proposer, config.budget, console, store=store, name=name, go_on=go_on, interrupted=onward
    )
