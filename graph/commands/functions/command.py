"""The command `search command`: fitness by a program of the user's own. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gristmill.graph.commands.functions.options import FinalSeeds, Given, Seeds, Target, search_options
from gristmill.graph.commands.functions.ranges import app
from gristmill.graph.commands.functions.search import DEFAULT

__all__ = ["app", "command"]


@app.command()
@search_options(DEFAULT)
def command(
    program: Annotated[
        str,
        typer.Argument(
            metavar="PROGRAM", help="Your trainer with its arguments, in quotes; called as PROGRAM CANDIDATE SEED OUT."
        ),
    ],
    prompt: Annotated[Path, typer.Argument(metavar="PROMPT", help="File that tells a model what to write.")],
    *,
    start: Annotated[
        list[str] | None,
        typer.Option(help="Begin with FILE.py, which also tells a broken trainer from a broken candidate; repeated."),
    ] = None,
    entry_point: Annotated[str | None, typer.Option(help="A function that the candidate must define.")] = None,
    seeds: Seeds = 3,
    final_seeds: FinalSeeds = 5,
    training_seconds: Annotated[
        float, typer.Option(min=0.1, help="For one call of PROGRAM; then it and all of its group are killed.")
    ] = 3600.0,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Calls of PROGRAM side by side.")] = 1,
    target: Target = 0.95,
    given: Given,
) -> None:
    """Search for code that a trainer of your own scores: Isaac, MJX, a code base that nothing here knows.

    PROGRAM gets the file of a candidate, a seed, and the name of a file into which it writes JSON: {"score": 0.7}, from
    0 to 1, or {"error": "what the candidate did wrong"}. It runs on this machine with your rights, outside of every
    sandbox, and so does what it does with code that a model has written: sandbox that in your program. Its word is no
    proof: verdicts have the strength `external`, and nothing by it is called verified. All else is as with `search
    reward`: seeds, early stops, finalists, final seeds. A resume names PROGRAM again: it is kept in no file.

    \b
    Examples:
      gristmill search command 'python train.py' task.md --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill search command 'python train.py --steps 1e6' task.md --start reward.py --training-seconds 7200
      gristmill search command ./isaac.sh task.md --seeds 1 --at-once 4 --model mailbox --rounds 3
      gristmill search command 'python train.py' task.md --estimate
    """
    from gristmill.graph.commands.functions.forecast import command_forecast
    from gristmill.graph.commands.functions.starting import command_starts, prompt_of
    from gristmill.graph.commands.run import run_tasks
    from gristmill.verifiers.trained.external.program import OwnTrainer
    from gristmill.verifiers.trained.external.verifier import own_task

    trainer = OwnTrainer(program, training_seconds, at_once)
    begun = command_starts(start or ())
    settings: dict[str, object] = {"seeds": seeds, "final_seeds": final_seeds}
    settings |= ({"start": begun} if begun else {}) | ({"entry_point": entry_point} if entry_point else {})
    task = own_task(prompt_of(prompt), target, settings)
    said = ("command", program, str(prompt))
    call = given.call(said, prompt.stem)
    run_tasks(
        None if given.resume else [task],
        DEFAULT,
        call,
        forecast=lambda chosen: command_forecast(task, chosen, training_seconds, at_once),
        trainer=trainer,
    )
