"""The command `train`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import console_for, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gristmill.trainers.methods.base import Method

__all__ = ["train"]


def train(
    rows: Annotated[
        Path,
        typer.Argument(help="What `export` has written in the method's format: its folder, a .jsonl or .parquet file."),
    ],
    method: Annotated[
        str,
        typer.Option(
            help="sft, dpo (rows of `export --format preference`), kto (unpaired), grpo, rloo (grpo) or reward_model "
            "(preference)."
        ),
    ] = "sft",
    name: Annotated[str, typer.Option(help="Name of the adapter.")] = "adapter",
    base: Annotated[Path | None, typer.Option(help="Folder of the base model; default: the small local one.")] = None,
    start: Annotated[str | None, typer.Option(help="Go on from this adapter of the workspace.")] = None,
    workspace: Workspace = ".",
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = 16,
    learning_rate: Annotated[
        float | None, typer.Option(help="At its highest; by the model's size and the method where not given.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(min=0.1, help="Passes over the rows. [sft 3, others 1]")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Rows in one optimizer step; by the model's size where not given.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="A longer row is refused, and counted; none is cut.")] = 1024,
    micro_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one step that are in memory at once.")] = 768,
    beta: Annotated[
        float | None, typer.Option(help="How dear it is to leave the reference: dpo, kto, grpo, rloo.")
    ] = None,
    group: Annotated[int | None, typer.Option(min=2, help="Replies to one prompt: grpo, rloo. [8]")] = None,
    answer_tokens: Annotated[int | None, typer.Option(min=1, help="Of one reply: grpo, rloo. [128]")] = None,
    four_bit: Annotated[bool, typer.Option("--four-bit", help="The base in 4 bits (QLoRA); needs CUDA.")] = False,
    merge: Annotated[
        Path | None, typer.Option(help="Write base and adapter as one model into this new folder.")
    ] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train a LoRA adapter on exported rows. It is listed by `adapters`, and not in use before it is promoted.

    A training that was killed goes on at its last checkpoint when the same command is given again.

    \b
    Examples:
      gristmill export night --format sft --out rows/
      gristmill train rows/ --name first
      gristmill eval tasks.jsonl --adapter first
      gristmill export night --format preference --out pairs/
      gristmill train pairs/ --method dpo --start first --name second
    """
    import sys
    from collections import Counter

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.storage.workspace import home_of
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.adapters import Adapters
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.methods.weights import base_weights

    given = {
        "lora": {"rank": rank},
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch": batch,
        "max_tokens": max_tokens,
        "micro_tokens": micro_tokens,
        "beta": beta,
        "group": group,
        "answer_tokens": answer_tokens,
        "four_bit": four_bit,
        "seed": seed,
    }
    chosen = _method(method, {knob: value for knob, value in given.items() if value is not None})
    loaded = _rows(rows, method)
    need_training()
    adapters = Adapters(home_of(workspace))
    adapter = None if start is None else adapters.get(start).path
    if merge is not None and merge.exists():
        raise UserError(f"--merge {merge}: it exists already; name another folder")
    weights, out = base_weights("local", base), adapters.prepare(name)
    console = console_for(file=sys.stderr)
    with Display(console) as progress:
        progress.stage(f"training a LoRA adapter by {method} on {len(loaded)} rows")
        trained = chosen.train(
            loaded,
            base=weights,
            out=out,
            progress=lambda step, steps, loss: progress.update(step, steps, f"loss {loss:.3f}"),
            adapter=adapter,
        )
    refused = f", {trained.refused} refused as too long" if trained.refused else ""
    say(f"{trained.path}: {trained.rows} rows{refused}, {trained.seconds:.0f} s")
    if merge is not None:
        from gristmill.trainers.merging import merge as merged

        say(f"{merged(trained.path, merge, base=weights)}: base and adapter in one")
    counts = Counter(str(row.get("strength")) for row in loaded if row.get("verified") is False)
    if counts and method == "sft":
        said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        say(f"{counts.total()} of the rows are not verified: their verdicts have the strengths {said}")


def _method(kind: str, knobs: dict[str, Any]) -> Method:
    """The method of this kind with these knobs.

    Raises:
        UserError: there is none, or it has no such knob, or a value is out of bounds.
    """
    from pydantic import ValidationError

    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.methods.choices import METHODS

    if kind not in METHODS:
        raise UserError(f"--method: {kind!r} is none of {', '.join(METHODS)}")
    made: Any = METHODS[kind]
    if foreign := next((knob for knob in knobs if knob not in made.model_fields), None):
        raise UserError(f"--{foreign.replace('_', '-')}: the method {kind} has no such knob")
    try:
        method: Method = made.model_validate(knobs)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from error
    return method


def _rows(path: Path, kind: str = "sft") -> list[dict[str, Any]]:
    """Rows to train on: of a file, or of the split `train` of an exported folder.

    Raises:
        UserError: naming the line, for the first row that cannot be trained on.
    """
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.methods.fitting.shapes import mistake

    path = _train_file(path)
    try:
        rows = list(_parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    for number, row in rows:
        if problem := mistake(row, kind):
            raise UserError(f"{path}: line {number}: {problem}")
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
