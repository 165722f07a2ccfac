"""The commands `train`, `eval` and `adapters`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gristmill.verifiers.records import Task, Verdict

__all__ = ["adapters", "evaluate", "train"]


def train(
    rows: Annotated[Path, typer.Argument(help="JSONL of {prompt, completion}, as `export --format sft` writes it.")],
    name: Annotated[str, typer.Option(help="Name of the adapter.")] = "adapter",
    base: Annotated[Path | None, typer.Option(help="Folder of the base model; default: the small local one.")] = None,
    workspace: Annotated[Path, typer.Option(help="Folder that holds .gristmill/.")] = Path(),
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 5e-4,
    epochs: Annotated[float, typer.Option(min=0.1)] = 3.0,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train a LoRA adapter on exported rows. It is listed by `adapters`, and not in use before it is promoted.

    \b
    Example:
      gristmill export night --format sft --out rows/
      gristmill train rows/data/train.jsonl --name first
      gristmill eval tasks.jsonl --adapter first
    """
    import sys

    from rich.console import Console

    from gristmill.graph.commands.progress import Display
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.methods.lora import Lora
    from gristmill.trainers.methods.sft import SftMethod
    from gristmill.trainers.methods.weights import base_weights

    loaded = _rows(rows)
    out = Adapters(_home(workspace)).prepare(name)
    method = SftMethod(lora=Lora(rank=rank), learning_rate=learning_rate, epochs=epochs, seed=seed)
    console = Console(file=sys.stderr)
    with Display(console) as progress:
        progress.stage(f"training a LoRA adapter on {len(loaded)} rows")
        trained = method.train(
            loaded,
            base=base_weights("local", base),
            out=out,
            progress=lambda step, steps, loss: progress.update(step, steps, f"loss {loss:.3f}"),
        )
    refused = f", {trained.refused} refused as too long" if trained.refused else ""
    typer.echo(f"{trained.path}: {trained.rows} rows{refused}, {trained.seconds:.0f} s")


def evaluate(
    tasks: Annotated[Path, typer.Argument(help="Task file (JSONL or YAML), or the word ifeval.")],
    source: Annotated[
        str | None, typer.Argument(help="ifeval: its published prompts (JSONL, .gz or not), or hub, the default.")
    ] = None,
    model: Annotated[str, typer.Option(help="As for `run`.")] = "local",
    replies: Annotated[
        Path | None, typer.Option(help="ifeval: judge this file of {prompt, response} instead of asking a model.")
    ] = None,
    adapter: Annotated[str | None, typer.Option(help="Name in the workspace, or path, of an adapter.")] = None,
    split: Annotated[str | None, typer.Option(help="Only the tasks of this split.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Replies a task; more than 1 gives unbiased pass@k.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of one reply.")] = 512,
    profile: Annotated[str, typer.Option(help="Prompts: auto, chat, or small.")] = "auto",
    seed: Annotated[int, typer.Option()] = 0,
    workspace: Annotated[Path, typer.Option(help="Folder that holds .gristmill/.")] = Path(),
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment.")] = None,
    sandbox: Annotated[str, typer.Option(help="auto, docker, docker:RUNTIME or bubblewrap.")] = "auto",
    json_: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON on standard output.")] = False,
) -> None:
    """Measure a model on a file of tasks: pass@1 (and pass@k) with 95% intervals.

    `ifeval` gives IFEval's four accuracies: prompts and instructions, read strictly and loosely. The model gets the
    published prompts as they are, with nothing around them.
    Exit code 0: all was scored. 3: some tasks could not be scored.

    \b
    Examples:
      gristmill eval tasks.jsonl --split test
      gristmill eval ifeval input_data.jsonl --replies replies.jsonl
      gristmill eval humaneval.jsonl --model openai:qwen3@http://127.0.0.1:8000/v1 --samples 5 --temperature 0.8
    """
    import asyncio
    import sys

    from rich.console import Console

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.resolve import resolve
    from gristmill.graph.records import Sampling
    from gristmill.graph.tasks.importers import import_tasks
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError
    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.measure.benchmarks import Remembering
    from gristmill.trainers.measure.evaluation import Evaluation
    from gristmill.trainers.measure.evaluation import evaluate as measure
    from gristmill.verifiers.registry import Verifiers

    if profile not in ("auto", "chat", "small"):
        raise UserError(f"--profile: {profile!r} is none of auto, chat, small")
    if samples > 1 and temperature == 0:
        raise UserError("--samples above 1 needs a --temperature above 0: greedy replies are all the same")
    ifeval = str(tasks) == "ifeval"
    if not ifeval and (source is not None or replies is not None):
        raise UserError("a second file and --replies are of `eval ifeval` only; leave them out")
    loaded = import_tasks("ifeval", source) if ifeval else load_tasks(tasks)
    chosen = [task for task in loaded if split is None or task.split == split]
    if replies is not None:
        _judge_replies(chosen, replies, sandbox, json_)
        return
    if not chosen:
        raise UserError(f"--split: no task of {tasks} is in the split {split!r}")
    if adapter is not None and not Path(adapter).exists():
        adapter = str(Adapters(_home(workspace)).get(adapter).path)
    sampling = Sampling(
        temperature=temperature, top_p=1.0 if temperature == 0 else 0.95, max_tokens=max_tokens, seed=seed
    )
    proposer = resolve(model, adapter=adapter, options=ModelOptions(vllm_python=vllm_python))
    console = Console(file=sys.stderr)

    async def work() -> tuple[Evaluation, dict[str, Verdict]]:
        async with Pool.open(sandbox) as pool, proposer:
            judge = Remembering(Verifiers(pool))
            with Display(console) as progress:
                progress.stage(f"{len(chosen)} tasks")
                measured = await measure(
                    chosen,
                    proposer=proposer,
                    judge=judge,
                    profile=profile,  # type: ignore[arg-type]  # checked above
                    bare=ifeval,
                    sampling=sampling,
                    samples=samples,
                    progress=lambda done, total: progress.update(done, total),
                )
            return measured, judge.verdicts

    found, verdicts = asyncio.run(work())
    if ifeval:
        _print_accuracies(chosen, verdicts, json_)
        return
    if json_:
        typer.echo(found.model_dump_json(indent=1))
    else:
        for k, share in found.pass_at.items():
            interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
            typer.echo(f"pass@{k}  {100 * share.rate:.1f}%  ({interval}, {share.total} tasks)")
        typer.echo(f"{found.tokens} tokens, {found.seconds:.0f} s")
    if found.undecided:
        typer.echo(
            f"not counted: {found.undecided} that passed only because operators of the candidate's own took part in "
            "deciding (strength `together`); let these tests compare plain values",
            err=True,
        )
    unscored = found.pass_at[1].unscored
    if unscored:
        typer.echo(f"{unscored} tasks could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)


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
        typer.echo(
            f"{len(tasks) - len(read)} of {len(tasks)} prompts have no reply and count as not followed", err=True
        )
    _print_accuracies(tasks, verdicts, as_json)


def _print_accuracies(tasks: Sequence[Task], verdicts: Mapping[str, Verdict], as_json: bool) -> None:
    from gristmill.trainers.measure.benchmarks import accuracies

    found = accuracies(tasks, verdicts)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        for name in ("prompt_strict", "instruction_strict", "prompt_loose", "instruction_loose"):
            share = getattr(found, name)
            interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
            typer.echo(f"{name:<18}  {100 * share.rate:.1f}%  ({interval}, {share.passed:.0f} of {share.total})")
    if found.unscored:
        typer.echo(f"{found.unscored} prompts could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)


def adapters(
    promote: Annotated[str | None, typer.Option(help="Make this adapter the one in use.")] = None,
    workspace: Annotated[Path, typer.Option(help="Folder that holds .gristmill/.")] = Path(),
    json_: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the adapters of a workspace, and which one is in use.

    \b
    Examples:
      gristmill adapters --workspace demo
      gristmill adapters --promote first
    """
    import json

    from gristmill.trainers.adapters import Adapters

    known = Adapters(_home(workspace))
    if promote is not None:
        known.promote(promote)
    found = known.list()
    if json_:
        typer.echo(json.dumps([info.model_dump(mode="json") for info in found], indent=1))
        return
    for info in found:
        mark = "*" if info.current else " "
        typer.echo(f"{mark} {info.name}  {info.created:%Y-%m-%d %H:%M}  {info.path}")
    if not found:
        typer.echo(f"no adapters in {known.path}; `gristmill improve` and `gristmill train` make them")


def _home(workspace: Path) -> Path:
    from gristmill.graph.storage.workspace import home_of

    return home_of(workspace)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Rows to train on.

    Raises:
        UserError: naming the line, for the first row that cannot be trained on.
    """
    import json

    from gristmill.sandbox.errors import UserError

    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            for field in ("prompt", "completion"):
                if not row[field] or any(set(turn) < {"role", "content"} for turn in row[field]):
                    raise KeyError(field)
        except ValueError as error:
            raise UserError(f"{path}: line {number}: this is no JSON: {error}") from error
        except (KeyError, TypeError) as error:
            raise UserError(f"{path}: line {number}: `prompt` and `completion` must be lists of messages") from error
        rows.append(row)
    if not rows:
        raise UserError(f"{path} holds no rows")
    return rows
