"""The command `regress`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import say, say_json, say_table
from gristmill.trainers.commands.asking import GREEDY, LEFT_OUT

if TYPE_CHECKING:
    from gristmill.trainers.measure.regressions import Regression

__all__ = ["regress"]


@options_of(GREEDY, leave_out=LEFT_OUT)
def regress(
    suite: Annotated[Path, typer.Argument(help="Task file (JSONL or YAML) of what must not get worse.")],
    *,
    baseline: Annotated[
        Path | None, typer.Option(help="File of what it had come to. Default: SUITE.baseline.json beside the suite.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record the baseline anew, whatever it said.")] = False,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Replies a task; default: as many as the baseline has, or 1.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="By so much a task's share of passes may fall: for several samples.")
    ] = 0.0,
    tolerate: Annotated[int, typer.Option(min=0, help="So many tasks may be worse.")] = 0,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="The suite as a whole is worse if the paired test's p is at most this.")
    ] = 0.05,
    name: Annotated[
        str | None, typer.Option(help="Name of the evaluation in the workspace; an existing one goes on.")
    ] = None,
    config: ConfigFile = None,
    flags: Flags,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment.")] = None,
    workspace: Workspace = ".",
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Hold a model against a baseline: fail if tasks that passed do not pass any more.

    The first call records the baseline, a file to be committed; later ones measure the same way (samples, temperature
    and seed are the baseline's, unless they are given) and compare task by task. For noise: several --samples with a
    --margin, and --tolerate. The suite is worse, too, if it is as a whole by the paired test.
    Exit code 0: no worse, or recorded. 1: worse; the tasks are listed. 2: the suite was changed. 3: tasks could not be
    scored.

    \b
    Examples:
      gristmill regress suite.jsonl --model local
      gristmill regress suite.jsonl --model local --adapter first
      gristmill regress suite.jsonl --model local --samples 8 --temperature 0.8 --margin 0.5 --record
    """
    from gristmill.graph.commands.settings import free_name, settle
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.trainers.commands.asking import ask, check_sampling, measured_tasks, sampled
    from gristmill.trainers.measure.regressions import baseline_of, read_baseline, regression, write_baseline
    from gristmill.verifiers.extraction.importing import need_packages

    tasks = measured_tasks(str(suite), None)
    need_packages(tasks)
    path = baseline or suite.with_name(f"{suite.name.split('.')[0]}.baseline.json")
    old = None if record or not path.exists() else read_baseline(path)
    if old is not None:
        flags = {"temperature": old.temperature, "seed": old.seed} | flags
        samples = samples or old.samples
    flags = sampled(flags, samples, workspace)
    with Store.open(workspace) as store:
        there = [run.name for run in store.runs()]
        run = name or free_name(Path(f"regress-{suite.name}"), there)
        stored = (f"the evaluation {run}", store.get_run(run).config) if run in there else None
        settings = settle(GREEDY, flags, file=config, stored=stored).config
        check_sampling(settings, "regress")
        options = ModelOptions.of(settings.calls, vllm_python=vllm_python, workspace=workspace, run=run)
        with Tracing(store, on=trace, content=trace_content):
            evaluation = ask(tasks, settings, run, store, run in there, False, options)
    if old is None:
        asked = {
            "model": settings.model,
            "adapter": settings.adapter and Path(settings.adapter).name,
            "samples": settings.search.hypotheses,
            "temperature": settings.calls.temperature,
            "seed": settings.seed,
        }
        recorded = baseline_of(tasks, evaluation.results, **asked)
        write_baseline(path, recorded)
        passed = sum(row.passed for row in recorded.tasks.values())
        of = sum(row.scored for row in recorded.tasks.values())
        if json_:
            say_json(recorded.model_dump_json(indent=1))
        say(f"recorded {path}: {len(tasks)} tasks, {passed} of {of} replies passed", err=json_)
        return
    found = regression(old, tasks, evaluation.results, margin=margin, tolerate=tolerate, alpha=alpha)
    _print(found, run, path, json_)
    if found.failed:
        raise typer.Exit(1)
    if found.unscored:
        raise typer.Exit(3)


def _print(found: Regression, run: str, path: Path, as_json: bool) -> None:
    from shlex import quote

    if as_json:
        say_json(found.model_dump_json(indent=1))
    else:
        if found.worse:
            rows = [
                (
                    each.task,
                    f"{each.before:.2f}",
                    f"{each.after:.2f}",
                    f"gristmill show {run} --task {quote(each.task)}",
                )
                for each in found.worse
            ]
            say_table(("worse", "before", "now", "look at it"), rows, right=("before", "now"))
            say("")
        whole = found.comparison
        say(f"against {path}: {len(found.worse)} worse, {len(found.better)} better of {whole.n} tasks (run {run})")
        if found.p_worse <= found.alpha:
            say(f"as a whole worse by {-whole.difference:.3f}, beyond noise (p = {found.p_worse:.2g}, {whole.test})")
        if found.worse and len(found.worse) <= found.tolerated:
            say(f"tolerated: {found.tolerated} may be")
    if found.new:
        say(f"{len(found.new)} tasks are not in the baseline, and not judged: --record takes them in", err=True)
    if found.unscored:
        say(f"{len(found.unscored)} tasks could not be scored: nothing is known of them", err=True)
