"""The command `eval`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.explaining import short_number
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.config import RunConfig
from gristmill.sandbox.plain import console_for, say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import TaskStanding
    from gristmill.trainers.measure.evaluation import Evaluation
    from gristmill.verifiers.records import Task, Verdict

__all__ = ["evaluate"]


_GREEDY = RunConfig.of(hypotheses=1, temperature=0.0, top_p=1.0)


@options_of(
    _GREEDY,
    leave_out=("models", "strategy", "hypotheses", "rounds", "first_pass", "patience", "same", "ahead", "concurrency"),
)
def evaluate(
    tasks: Annotated[Path, typer.Argument(help="Task file (JSONL or YAML), or the word ifeval.")],
    source: Annotated[
        str | None, typer.Argument(help="ifeval: its published prompts (JSONL, .gz or not), or hub, the default.")
    ] = None,
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the evaluation in the workspace. Default: eval, the file's, a number.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the evaluation of this name.")] = False,
    replies: Annotated[
        Path | None, typer.Option(help="ifeval: judge this file of {prompt, response} instead of asking a model.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the tasks of this split.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many tasks, of the split if given.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Replies a task; more than 1 gives unbiased pass@k. [1]")
    ] = None,
    config: ConfigFile = None,
    flags: Flags,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Measure a model on a file of tasks: a table of tasks, and pass@1 (and pass@k) with 95% intervals.

    `ifeval` gives IFEval's four accuracies: prompts and instructions, read strictly and loosely. The model gets the
    published prompts as they are, with nothing around them.
    An evaluation is stored as a run of one round; `gristmill runs --all` lists it, --resume goes on with it.
    Exit code 0: all was scored. 3: some tasks could not be scored.

    \b
    Examples:
      gristmill eval tasks.jsonl --split test
      gristmill eval tasks.jsonl --split test --name base --resume
      gristmill eval tasks.jsonl --split test --limit 20
      gristmill eval ifeval input_data.jsonl --replies replies.jsonl
      gristmill eval humaneval.jsonl --model openai:qwen3@http://127.0.0.1:8000/v1 --samples 5 --temperature 0.8
    """
    from gristmill.graph.commands.settings import free_name, one_model, settle
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import home_of
    from gristmill.graph.tasks.importers import import_tasks
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.measure.benchmarks import first_verdicts
    from gristmill.verifiers.extraction.importing import need_packages

    if resume and name is None:
        raise UserError("--resume needs the --name of the evaluation; `gristmill runs --all` lists them")
    ifeval = str(tasks) == "ifeval"
    if not ifeval and (source is not None or replies is not None):
        raise UserError("a second file and --replies are of `eval ifeval` only; leave them out")
    loaded = import_tasks("ifeval", source) if ifeval else load_tasks(tasks)
    chosen = [task for task in loaded if split is None or task.split == split][:limit]
    if replies is not None:
        _judge_replies(chosen, replies, settle(_GREEDY, flags, file=config).config.sandbox, json_)
        return
    if not chosen:
        raise UserError(f"--split: no task of {tasks} is in the split {split!r}")
    need_packages(chosen)
    if "adapter" in flags and not Path(flags["adapter"]).exists():
        flags["adapter"] = str(Adapters(home_of(workspace)).get(flags["adapter"]).path)
    if flags.get("temperature"):
        flags.setdefault("top_p", 0.95)
    if samples is not None:
        flags["hypotheses"] = samples
    with Store.open(workspace) as store:
        stored = (f"the evaluation {name}", store.get_run(name).config) if resume and name is not None else None
        chosen_config = settle(_GREEDY, flags, file=config, stored=stored).config
        one_model(chosen_config, "eval")
        if chosen_config.search.hypotheses > 1 and chosen_config.calls.temperature == 0:
            raise UserError("--samples above 1 needs a --temperature above 0: greedy replies are all the same")
        run = name or free_name(Path(f"eval-{tasks.name}"), [each.name for each in store.runs()])
        evaluation = _ask(
            chosen,
            chosen_config,
            run,
            store,
            resume,
            ifeval,
            ModelOptions.of(chosen_config.calls, vllm_python=vllm_python, workspace=workspace, run=run),
        )
        if ifeval:
            _print_accuracies(chosen, first_verdicts(store, run), json_)
            return
        standings = store.standings(run)
    _print_evaluation(evaluation, standings, json_)


def _ask(
    tasks: Sequence[Task],
    config: RunConfig,
    name: str,
    store: Store,
    resume: bool,
    bare: bool,
    options: ModelOptions,
) -> Evaluation:
    import asyncio
    import sys

    from gristmill.graph.commands.interrupts import INTERRUPTED, run_interruptibly
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.commands.run_progress import following, say_how_to_go_on
    from gristmill.graph.models.resolve import resolve
    from gristmill.trainers.measure.evaluation import evaluate

    proposer = resolve(config.model, adapter=config.adapter, options=options)

    async def work() -> Evaluation:
        with Display(console_for(file=sys.stderr), "tasks", unit="tasks") as display:
            async with proposer, following(display, config.budget, proposer=proposer) as progress:
                return await evaluate(
                    tasks,
                    config,
                    name=name,
                    store=store,
                    proposer=proposer,
                    resume=resume,
                    bare=bare,
                    on_event=progress,
                )

    try:
        return run_interruptibly(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        say(f"Interrupted; what was done so far is kept. Go on with --name {name} --resume", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        say_how_to_go_on(error, store, name, f"gristmill eval … --name {name} --resume")
        raise


def _print_evaluation(evaluation: Evaluation, standings: Sequence[TaskStanding], as_json: bool) -> None:
    if as_json:
        say_json(evaluation.model_dump_json(indent=1))
    else:
        from gristmill.trainers.measure.evaluation import strengths_of
        from gristmill.verifiers.settling import BESIDE, weaker_words

        _print_tasks(evaluation, standings)
        for k, share in evaluation.pass_at.items():
            interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
            say(f"pass@{k}  {100 * share.rate:.1f}%  ({interval}, {share.total} tasks)")
        if weaker := weaker_words({name: n for name, n in strengths_of(evaluation.results).items() if name in BESIDE}):
            say(f"of the first replies passed {weaker}: taken by --accept, and not verified")
        say(f"{evaluation.tokens} tokens, {evaluation.seconds:.0f} s")
    if evaluation.undecided:
        say(
            f"not counted: {evaluation.undecided} that passed only because operators of the candidate's own took part "
            "in deciding (strength `forwarded`); let these tests compare plain values",
            err=True,
        )
    unscored = evaluation.pass_at[1].unscored
    if unscored:
        say(f"{unscored} tasks could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)


def _print_tasks(evaluation: Evaluation, standings: Sequence[TaskStanding]) -> None:
    """One row a task: how many of its replies passed, and how the best of them stands."""
    from gristmill.verifiers.settling import outcome_words

    passed = {result.task_id: result.passed for result in evaluation.results}
    rows = [
        (
            each.task,
            f"{sum(map(bool, passed.get(each.task, ())))} of {len(passed.get(each.task, ()))}",
            "no reply" if each.outcome is None else outcome_words(each.outcome, each.strength),
            short_number(each.score),
        )
        for each in standings
    ]
    say_table(("task", "passed", "outcome", "score"), rows, right=("passed", "score"))
    say("")


def _judge_replies(tasks: Sequence[Task], replies: Path, sandbox: str, as_json: bool) -> None:
    import asyncio

    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.measure.benchmarks import judge_replies, read_replies
    from gristmill.verifiers.registry import Verifiers

    read = read_replies(replies, tasks)

    async def work() -> dict[str, Verdict]:
        async with Pool.open(sandbox) as pool:
            return await judge_replies(tasks, read, Verifiers(pool, confirm=False))

    verdicts = asyncio.run(work())
    if len(read) < len(tasks):
        say(f"{len(tasks) - len(read)} of {len(tasks)} prompts have no reply and count as not followed", err=True)
    _print_accuracies(tasks, verdicts, as_json)


def _print_accuracies(tasks: Sequence[Task], verdicts: Mapping[str, Verdict], as_json: bool) -> None:
    from gristmill.trainers.measure.benchmarks import accuracies

    shares = accuracies(tasks, verdicts)
    if as_json:
        say_json(shares.model_dump_json(indent=1))
    else:
        for name in ("prompt_strict", "instruction_strict", "prompt_loose", "instruction_loose"):
            share = getattr(shares, name)
            interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
            say(f"{name:<18}  {100 * share.rate:.1f}%  ({interval}, {share.passed:.0f} of {share.total})")
    if shares.unscored:
        say(f"{shares.unscored} prompts could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)
