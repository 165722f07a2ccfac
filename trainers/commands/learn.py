"""The commands `train` and `adapters`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import console_for, say, say_json

__all__ = ["adapters", "train"]


def train(
    rows: Annotated[Path, typer.Argument(help="JSONL of {prompt, completion}, as `export --format sft` writes it.")],
    name: Annotated[str, typer.Option(help="Name of the adapter.")] = "adapter",
    base: Annotated[Path | None, typer.Option(help="Folder of the base model; default: the small local one.")] = None,
    workspace: Workspace = ".",
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

    from gristmill.graph.commands.progress import Display
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.methods.lora import Lora
    from gristmill.trainers.methods.sft import SftMethod
    from gristmill.trainers.methods.weights import base_weights

    loaded = _rows(rows)
    out = Adapters(_home(workspace)).prepare(name)
    method = SftMethod(lora=Lora(rank=rank), learning_rate=learning_rate, epochs=epochs, seed=seed)
    console = console_for(file=sys.stderr)
    with Display(console) as progress:
        progress.stage(f"training a LoRA adapter on {len(loaded)} rows")
        trained = method.train(
            loaded,
            base=base_weights("local", base),
            out=out,
            progress=lambda step, steps, loss: progress.update(step, steps, f"loss {loss:.3f}"),
        )
    refused = f", {trained.refused} refused as too long" if trained.refused else ""
    say(f"{trained.path}: {trained.rows} rows{refused}, {trained.seconds:.0f} s")


def adapters(
    promote: Annotated[str | None, typer.Option(help="Make this adapter the one in use.")] = None,
    workspace: Workspace = ".",
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
        say_json(json.dumps([info.model_dump(mode="json") for info in found], indent=1))
        return
    for info in found:
        mark = "*" if info.current else " "
        say(f"{mark} {info.name}  {info.created:%Y-%m-%d %H:%M}  {info.path}")
    if not found:
        say(f"no adapters in {known.path}; `gristmill improve` and `gristmill train` make them")


def _home(workspace: str) -> Path:
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
