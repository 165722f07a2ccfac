"""The command `eval`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import say
from gristmill.trainers.commands.asking import GREEDY, LEFT_OUT, PUBLISHED_PROMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.verifiers.records import Task, Verdict

__all__ = ["evaluate"]


@options_of(GREEDY, leave_out=LEFT_OUT)
def evaluate(
    tasks: Annotated[
        str,
        typer.Argument(
            help="Task file (JSONL or YAML), or a benchmark: humaneval, mbpp, gsm8k, math500, ifeval, ifbench."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            help="Of a benchmark: its published file (JSONL or JSON, .gz or not), or hub. Default: the copy in an "
            "installed package (humaneval, ifbench), else the hub."
        ),
    ] = None,
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the evaluation in the workspace. Default: eval, the file's, a number.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the evaluation of this name.")] = False,
    replies: Annotated[
        Path | None,
        typer.Option(help="ifeval, ifbench: judge this file of {prompt, response} instead of asking a model."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the tasks of this split.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many tasks, of the split if given.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Replies a task; more than 1 gives pass@k, maj@k and best@k. [1]")
    ] = None,
    abstain: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With --samples: also say what comes of answering from this confidence on only."
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            help="--abstain: the calibration (`gristmill calibrate`) that confidence comes of. Default: cross-fitted "
            "on this evaluation's own verdicts."
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="A stored evaluation of the same tasks: also compare with it, as `compare` does.")
    ] = None,
    config: ConfigFile = None,
    flags: Flags,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment.")] = None,
    workspace: Workspace = ".",
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Measure a model on a file of tasks, or on a benchmark by name: a table of tasks, and shares with 95% intervals.

    One reply a task gives pass@1. With --samples: unbiased pass@k; maj@k, the answer that most replies give; and
    best@k, the reply that passes most of what the model may see (public tests, instructions), judged by what it may
    not. Intervals take tasks, not samples, as what varies. A benchmark is `tasks import` and this in one; ifeval and
    ifbench give four accuracies, of the published prompts with nothing around them.
    An evaluation is stored as a run of one round; `gristmill runs --all` lists it, --resume goes on with it, `compare`
    sets two side by side. Exit code 0: all was scored. 3: some tasks could not be scored.

    \b
    Examples:
      gristmill eval tasks.jsonl --split test
      gristmill eval tasks.jsonl --split test --name base --resume
      gristmill eval tasks.jsonl --split test --samples 8 --temperature 0.8
      gristmill eval tasks.jsonl --samples 8 --temperature 0.8 --abstain 0.7
      gristmill eval tasks.jsonl --split test --adapter first --against base
      gristmill eval humaneval --limit 20
      gristmill eval humaneval --trace
      gristmill eval gsm8k test.jsonl.gz --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill eval ifeval input_data.jsonl --replies replies.jsonl
    """
    from gristmill.graph.commands.settings import free_name, settle
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.commands.asking import ask, check_sampling, measured_tasks, sampled
    from gristmill.trainers.commands.evaluation_tables import print_accuracies, print_evaluation, print_shares
    from gristmill.trainers.measure.benchmarks import first_verdicts
    from gristmill.trainers.measure.comparisons import compare_runs
    from gristmill.trainers.measure.confidence import confidences, find
    from gristmill.verifiers.extraction.importing import need_packages

    if resume and name is None:
        raise UserError("--resume needs the --name of the evaluation; `gristmill runs --all` lists them")
    bare = tasks in PUBLISHED_PROMPTS
    if not bare and replies is not None:
        raise UserError(f"--replies is of {', '.join(PUBLISHED_PROMPTS)} only; `gristmill verify` judges other files")
    if calibration is not None and abstain is None:
        raise UserError("--calibration says by what --abstain is decided: give --abstain too")
    chosen = measured_tasks(tasks, source, split, limit)
    if replies is not None:
        _judge_replies(chosen, replies, settle(GREEDY, flags, file=config).config.sandbox, json_)
        return
    need_packages(chosen)
    flags = sampled(flags, samples, workspace)
    with Store.open(workspace) as store:
        stored = (f"the evaluation {name}", store.get_run(name).config) if resume and name is not None else None
        chosen_config = settle(GREEDY, flags, file=config, stored=stored).config
        check_sampling(chosen_config, "eval")
        several = chosen_config.search.hypotheses
        if abstain is not None and several < 2:
            raise UserError("--abstain goes by how far several replies agree: give --samples 8 --temperature 0.8")
        by = find(store, calibration) if calibration is not None else None
        if against is not None:
            store.get_run(against)
        run = name or free_name(Path(f"eval-{Path(tasks).name}"), [each.name for each in store.runs()])
        options = ModelOptions.of(chosen_config.calls, vllm_python=vllm_python, workspace=workspace, run=run)
        with Tracing(store, on=trace, content=trace_content):
            evaluation = ask(chosen, chosen_config, run, store, resume, bare, options)
        if bare:
            if len(evaluation.pass_at) > 1 and not json_:
                print_shares(evaluation)
                say("of the first replies:")
            print_accuracies(chosen, first_verdicts(store, run), json_)
            return
        standings = store.standings(run)
        compared = compare_runs(store, against, run) if against is not None else None
    sure = None if abstain is None else confidences(evaluation.results, several, by, abstain)
    print_evaluation(evaluation, standings, json_, sure=sure, compared=compared)


def _judge_replies(tasks: Sequence[Task], replies: Path, sandbox: str, as_json: bool) -> None:
    import asyncio

    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.commands.evaluation_tables import print_accuracies
    from gristmill.trainers.measure.benchmarks import judge_replies, read_replies
    from gristmill.verifiers.registry import Verifiers

    read = read_replies(replies, tasks)

    async def work() -> dict[str, Verdict]:
        async with Pool.open(sandbox) as pool:
            return await judge_replies(tasks, read, Verifiers(pool, confirm=False))

    verdicts = asyncio.run(work())
    if len(read) < len(tasks):
        say(f"{len(tasks) - len(read)} of {len(tasks)} prompts have no reply and count as not followed", err=True)
    print_accuracies(tasks, verdicts, as_json)
