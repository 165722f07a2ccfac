"""The command `new`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.sandbox.plain import say

__all__ = ["new"]


def new(
    kind: Annotated[
        str,
        typer.Argument(
            help="score: your own evaluator; code: tests with right answers; math: an answer or a property; reward and "
            "loss: functions that something is trained with."
        ),
    ],
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Where the files go; made where there is none.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite files of the same names.")] = False,
) -> None:
    """Write a task that runs as it stands, explained line by line, to make your own of.

    DIR gets task.yaml, with a reference that is right, and two recorded replies, a worse and a better one:
    replies.jsonl for `run --model replay:…` and candidates.jsonl for `verify`. What to call next is printed.

    \b
    Examples:
      gristmill new score knapsack
      gristmill new code first
      gristmill new reward car --force
    """
    from gristmill.graph.tasks.scaffolds.laying import commands, scaffold

    say(f"wrote {', '.join(scaffold(kind, folder, force=force))}")
    say("next:")
    for line in commands(kind, folder):
        say(f"  {line}")
