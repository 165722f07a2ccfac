"""The command `next`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Json, Workspace
from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from gristmill.graph.models.mailbox.box import Mailbox
    from gristmill.graph.models.mailbox.records import Letter

__all__ = ["read_next"]

_EVERY = 0.5
"""Seconds between looks into the store."""
_COMES = 30.0
"""Seconds for which --wait waits for a run to begin or to be resumed: whoever starts both starts one of them first."""


def read_next(
    run: Annotated[
        str | None, typer.Argument(help="Only what this run asks. Default: any run of the workspace.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until something is asked, or no run goes on.")] = False,
    lease: Annotated[
        float, typer.Option(min=1, help="Seconds for which nobody else is given the same request.")
    ] = 900.0,
    again: Annotated[
        bool, typer.Option("--again", help="Also what somebody has read already, and has not answered yet.")
    ] = False,
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="This request, whoever has read it.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Read what a run with `--model mailbox` asks: the prompt that has waited longest, and how to answer it.

    Many may read and answer at once, in any order, also while no run is alive. A request is given to one of them;
    without an answer in --lease seconds it is given to the next. --wait waits until something is asked, and ends when
    RUN has finished, or no run has gone on for half a minute. Exit code 1: nothing waits for an answer.

    \b
    Examples:
      gristmill next
      gristmill next night --wait
      gristmill next night --wait --json
      gristmill next --id 3f9a1c20de
      gristmill next night --again
    """
    import time

    from gristmill.graph.models.mailbox.box import Mailbox
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import database_at, option_for
    from gristmill.sandbox.errors import UserError

    if id_ is not None and (run is not None or wait or again):
        raise UserError("--id names one request: leave RUN, --wait and --again out")
    begun = time.monotonic()
    while wait and not database_at(workspace).exists() and time.monotonic() - begun < _COMES:
        time.sleep(_EVERY)
    with Store.open(workspace, create=False) as store:
        box = Mailbox(store)
        letter = box.read(id_, seconds=lease) if id_ is not None else _next(box, run, wait, lease, again)
        if letter is None:
            say(_nothing(box, run), err=True)
            raise typer.Exit(1)
        waiting, taken = box.waiting(letter.run)
    _print(letter, waiting - taken, lease, option_for(workspace), json_)


def _next(box: Mailbox, run: str | None, wait: bool, lease: float, again: bool) -> Letter | None:
    """What is to be read; None where nothing is, or where nothing is to come any more."""
    import time

    from gristmill.graph.errors import UnknownRunError

    went_on = time.monotonic()
    while True:
        try:
            runs = box.runs(run)
        except UnknownRunError:
            if not wait or time.monotonic() - went_on > _COMES:
                raise
            time.sleep(_EVERY)
            continue
        letter = box.take(runs, seconds=lease, again=again)
        if any(each.status == "running" for each in runs):
            went_on = time.monotonic()
        # One that was interrupted, or has failed, may be about to be resumed; one that has finished is over.
        over = (run is not None and not runs) or time.monotonic() - went_on > _COMES
        if letter is not None or not wait or over:
            return letter
        time.sleep(_EVERY)


def _nothing(box: Mailbox, run: str | None) -> str:
    """Why there is nothing to read."""
    counts = [box.waiting(each.name) for each in box.runs(run)]
    taken = sum(count for _, count in counts)
    whose = f"of the run {run!r} " if run is not None else ""
    if taken:
        return (
            f"nothing {whose}waits that nobody has: {taken} requests are read and not answered yet; "
            "--again gives these out as well"
        )
    return f"nothing {whose}waits for an answer"


def _print(letter: Letter, others: int, lease: float, where: list[str], as_json: bool) -> None:
    import json
    import shlex

    request = letter.request
    command = shlex.join(["gristmill", "answer", letter.id, "FILE", *where])
    if as_json:
        row = {
            "id": letter.id,
            "run": letter.run,
            "task": request.task_id,
            "round": request.round,
            "sample": request.sample,
            "messages": [message.model_dump() for message in request.messages],
            "max_tokens": request.sampling.max_tokens,
            "answer": command,
            "lease": lease,
            "waiting": others,
        }
        say_json(json.dumps(row, indent=1))
        return
    say(
        f"request {letter.id} of the run {letter.run}: task {request.task_id}, round {request.round}, "
        f"sample {request.sample}"
    )
    for message in request.messages:
        # Each line is marked, so that nothing in a prompt reads as if it were said here.
        say("\n".join(f"{message.role:>9} | {line}" for line in message.content.splitlines()))
    say(f"answer with: {command}   (- for FILE reads standard input)")
    more = f"; {others} more {'waits' if others == 1 else 'wait'}" if others else ""
    say(f"nobody else is given it for {lease:g} s{more}")
