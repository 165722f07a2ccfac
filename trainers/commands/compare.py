"""The command `compare`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import say, say_json, say_table
from gristmill.trainers.commands.asking import GREEDY, LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gristmill.graph.storage.store import Store
    from gristmill.trainers.measure.comparisons import ComparedRuns

__all__ = ["compare", "measure_both", "print_comparison"]

_SIDES = ("model", "adapter", "profile")
_MOST = 20


@options_of(GREEDY, leave_out=LEFT_OUT, repeated=_SIDES)
def compare(
    before: Annotated[str | None, typer.Argument(help="A stored evaluation or run.")] = None,
    after: Annotated[str | None, typer.Argument(help="Another one, of the same tasks.")] = None,
    *,
    tasks: Annotated[
        str | None, typer.Option(help="Measure both first, on this task file, or benchmark that needs no file.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the tasks of this split.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many tasks.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Replies a task. [1]")] = None,
    config: ConfigFile = None,
    flags: Flags,
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment.")] = None,
    workspace: Workspace = ".",
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Set two evaluations, runs, models, adapters or prompts side by side: which won which tasks, beyond noise or not.

    Either name two of `gristmill runs --all`, or give --tasks, and one of --model, --adapter and --profile twice: both
    are measured as by `eval` and kept, so that the same call goes on where it was cut off, and asks nothing twice. The
    adapter `none` is the base model. Paired by task: wins, losses, the exact McNemar test (Wilcoxon's for scores and
    several replies), a bootstrap interval, by tag, and the tasks that differ with the commands that show them.
    Exit code 0: they were compared, whatever came of it.

    \b
    Examples:
      gristmill compare base first
      gristmill compare base first --json
      gristmill compare --tasks tasks.jsonl --split test --adapter none --adapter first
      gristmill compare --tasks tasks.jsonl --model local --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill compare --tasks tasks.jsonl --profile small --profile chat
    """
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.measure.comparisons import compare_runs

    if tasks is None and (before is None or after is None):
        raise UserError("name two of `gristmill runs --all`, or give --tasks FILE and two models, adapters or profiles")
    if tasks is not None and before is not None:
        raise UserError(f"{before}: with --tasks both are measured first; leave the names out")
    with Store.open(workspace) as store, Tracing(store, on=trace, content=trace_content, over="compare"):
        if tasks is not None:
            asked = {"tasks": tasks, "split": split, "limit": limit}
            before, after = measure_both(store, asked, flags, samples, config, vllm_python, workspace)
        compared = compare_runs(store, str(before), str(after))
    print_comparison(compared, json_)


def measure_both(
    store: Store,
    asked: dict[str, Any],
    flags: Flags,
    samples: int | None,
    config: Path | None,
    vllm_python: Path | None,
    workspace: str,
) -> tuple[str, str]:
    """Evaluate both sides as `eval` does, and give the names by which they are kept.

    Raises:
        UserError: the options name no two sides.
    """
    import hashlib

    from gristmill.graph.commands.settings import settle
    from gristmill.graph.models.options import ModelOptions
    from gristmill.trainers.commands.asking import PUBLISHED_PROMPTS, ask, check_sampling, measured_tasks, sampled
    from gristmill.verifiers.extraction.importing import need_packages

    chosen = measured_tasks(asked["tasks"], None, asked["split"], asked["limit"])
    need_packages(chosen)
    there = {run.name for run in store.runs()}
    names = []
    for side in _sides(flags):
        settings = settle(GREEDY, sampled(side, samples, workspace), file=config).config
        check_sampling(settings, "compare")
        told = settings.model_dump_json() + "".join(task.model_dump_json() for task in chosen)
        name = f"compare-{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
        options = ModelOptions.of(settings.calls, vllm_python=vllm_python, workspace=workspace, run=name)
        say(f"{name}: {_words(settings.model, side)}", err=True)
        bare = asked["tasks"] in PUBLISHED_PROMPTS
        ask(chosen, settings, name, store, name in there, bare, options, command="compare")
        there.add(name)
        names.append(name)
    return names[0], names[1]


def _sides(flags: Flags) -> Iterator[Flags]:
    """The options of either side: what is given twice differs, everything else is the same for both."""
    from gristmill.sandbox.errors import UserError

    given = {knob: list(flags.get(knob) or ()) for knob in _SIDES}
    if any(len(values) > 2 for values in given.values()) or not any(len(values) == 2 for values in given.values()):
        raise UserError("give --model, --adapter or --profile twice: once for either side")
    for place in range(2):
        side = {knob: value for knob, value in flags.items() if knob not in _SIDES}
        side |= {knob: values[min(place, len(values) - 1)] for knob, values in given.items() if values}
        if side.get("adapter") == "none":
            del side["adapter"]
        yield side


def _words(model: str, side: Flags) -> str:
    return ", ".join([model, *(f"{knob} {side[knob]}" for knob in ("adapter", "profile") if side.get(knob))])


def print_comparison(compared: ComparedRuns, as_json: bool) -> None:
    """The test, by tag, and where the two differ."""
    if as_json:
        say_json(compared.model_dump_json(indent=1))
        return
    whole = compared.comparison
    low, high = whole.interval
    say(f"before: {compared.before} ({compared.models[0]})")
    say(f"after:  {compared.after} ({compared.models[1]})")
    say(f"{whole.words}, {whole.ties} alike{f', {whole.left_out} not scored in both' if whole.left_out else ''}")
    say(
        f"{_points(whole.before)} → {_points(whole.after)}, difference {whole.difference:+.3f} "
        f"(95% {low:+.3f} to {high:+.3f}), p = {whole.p_different:.2g} ({whole.test}, two-sided)"
    )
    if whole.difference:
        verdict = "beyond noise at .05" if whole.p_different <= 0.05 else "that can be noise"
        say(f"{'better' if whole.difference > 0 else 'worse'}: {verdict}")
    if left := compared.only_before + compared.only_after:
        say(f"{left} tasks are in one of the two only, and count for neither")
    if compared.tags:
        say("")
        rows = [
            (
                row.tag,
                str(row.comparison.n),
                *(_points(v) for v in (row.comparison.before, row.comparison.after)),
                str(row.comparison.wins),
                str(row.comparison.losses),
            )
            for row in _ends(compared.tags)
        ]
        say_table(
            ("tag", "tasks", "before", "after", "won", "lost"), rows, right=("tasks", "before", "after", "won", "lost")
        )
        _rest(len(compared.tags))
    if compared.differing:
        say("")
        shown = [(each.task, f"{each.before:g}", f"{each.after:g}", each.show[1]) for each in _ends(compared.differing)]
        say_table(("task", "before", "after", "look at it"), shown, right=("before", "after"))
        _rest(len(compared.differing))


def _points(value: float) -> str:
    return f"{100 * value:.1f}%" if 0 <= value <= 1 else f"{value:.4g}"


def _ends(rows: Any) -> Any:
    """The first and the last, where there are many: what was lost most and what was won most."""
    return rows if len(rows) <= _MOST else (*rows[: _MOST // 2], *rows[-_MOST // 2 :])


def _rest(number: int) -> None:
    if number > _MOST:
        say(f"… and {number - _MOST} more between; --json has all")
