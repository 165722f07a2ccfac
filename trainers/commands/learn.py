"""The command `train`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import console_for, say

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["train"]


def train(
    rows: Annotated[
        Path, typer.Argument(help="What `export --format sft` has written: its folder, a .jsonl or a .parquet file.")
    ],
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
      gristmill train rows/ --name first
      gristmill eval tasks.jsonl --adapter first
    """
    import sys
    from collections import Counter

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.storage.workspace import home_of
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.methods.lora import Lora
    from gristmill.trainers.methods.sft import SftMethod
    from gristmill.trainers.methods.weights import base_weights

    loaded = _rows(rows)
    need_training()
    out = Adapters(home_of(workspace)).prepare(name)
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
    counts = Counter(str(row.get("strength")) for row in loaded if row.get("verified") is False)
    if counts:
        said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        say(f"{counts.total()} of the rows are not verified: their verdicts have the strengths {said}")


def _rows(path: Path) -> list[dict[str, Any]]:
    """Rows to train on: of a file, or of the split `train` of an exported folder.

    Raises:
        UserError: naming the line, for the first row that cannot be trained on.
    """
    from gristmill.sandbox.errors import UserError

    path = _train_file(path)
    try:
        rows = list(_parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    for number, row in rows:
        for field in ("prompt", "completion"):
            turns = row.get(field) if isinstance(row, dict) else None
            if not isinstance(turns, list) or not turns or any(not _is_turn(turn) for turn in turns):
                raise UserError(
                    f"{path}: line {number}: `prompt` and `completion` must be lists of messages, as `gristmill export "
                    "--format sft` writes them"
                )
    if not rows:
        raise UserError(f"{path} holds no rows")
    return [row for _, row in rows]


def _train_file(path: Path) -> Path:
    from gristmill.sandbox.errors import UserError

    if not path.is_dir():
        return path
    folder = path / "data" if (path / "data").is_dir() else path
    chosen = next((file for name in ("train.jsonl", "train.parquet") if (file := folder / name).is_file()), None)
    if chosen is None:
        raise UserError(f"{path} has no data/train.jsonl or data/train.parquet; name the file to train on")
    return chosen


def _json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    import json

    from gristmill.sandbox.errors import UserError

    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}: line {number}: this is no JSON: {error}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gristmill.sandbox.errors import UserError

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is no Parquet file: {error}") from error
    yield from enumerate(table.to_pylist(), 1)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(field), str) for field in ("role", "content"))
