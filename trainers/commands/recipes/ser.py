"""The command `recipe ser`: a reward model that labels for itself. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, options_of
from gristmill.sandbox.plain import console_for, say_json
from gristmill.trainers.recipes.ser.config import SerConfig

__all__ = ["ser"]


@options_of(SerConfig())
def ser(
    pairs: Annotated[
        Path, typer.Argument(help="Pairs, JSONL (.gz): prompt, chosen, rejected; or prompt, responses without a label.")
    ],
    *,
    base: Annotated[Path | None, typer.Option(help="Folder of the base model; default: the small local one.")] = None,
    config: ConfigFile = None,
    flags: Flags,
    json_: Json = False,
) -> None:
    """Read and check pairs for SER (self-evolved reward learning), and say what it will take. Nothing is trained yet.

    Few labels train a reward model, which labels the rest itself, round by round, where it is confident.

    \b
    Examples:
      gristmill recipe ser pairs.jsonl
      gristmill recipe ser pairs.jsonl --share 0.15 --cached-layers 28
    """
    import os
    import sys

    from gristmill.graph.commands.settings import settle
    from gristmill.trainers.methods.weights import base_weights
    from gristmill.trainers.recipes.ser.forecast import forecast
    from gristmill.trainers.recipes.ser.pairs import part, read_pairs, unique

    chosen = settle(SerConfig(), flags, file=config).config
    kept, left_out = unique(read_pairs(pairs))
    parts = part(kept, chosen)
    found = forecast(kept, parts, chosen, base_weights("local", base), len(os.sched_getaffinity(0)))
    if json_:
        say_json(found.model_dump_json(indent=1))
        return
    console = console_for(file=sys.stdout)
    gone = "".join(f", {count} left out: {reason}" for reason, count in left_out.items())
    console.print(f"{len(kept)} pairs{gone}")
    console.print(
        f"labels: {len(parts.trained)} to train on, {len(parts.calibrating)} to calibrate by, {len(parts.held_out)} "
        f"held out; {len(parts.pool)} pairs in the pool"
    )
    console.print(found.words)
