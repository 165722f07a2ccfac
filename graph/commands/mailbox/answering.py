"""The command `answer`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import say

__all__ = ["answer"]


def answer(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the request, as `gristmill next` shows it.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The whole answer as text, or - for standard input.")],
    by: Annotated[str, typer.Option(help="Who answers; kept as the name of the model. [mailbox]")] = "",
    workspace: Workspace = ".",
) -> None:
    """Answer what `gristmill next` has shown. The file is the reply as a model would write it: text, code in a block.

    Reasoning may stand before it, as <think>…</think>; it is kept apart and not judged. The first answer to a request
    stays. Exit code 2: nobody asks that, or not any more, or the file is empty, too large or no text.

    \b
    Examples:
      gristmill answer 3f9a1c20de reply.md
      gristmill answer 3f9a1c20de - < reply.md
      gristmill answer 3f9a1c20de reply.md --by "coding agent"
    """
    from gristmill.graph.models.mailbox.box import Mailbox
    from gristmill.graph.storage.store import Store

    with Store.open(workspace, create=False) as store:
        box = Mailbox(store)
        letter = box.answer(id_, _text(file), by)
        waiting, _ = box.waiting(letter.run)
    place = f"{letter.request.task_id}, round {letter.request.round}, sample {letter.request.sample}"
    say(f"answered {place} of the run {letter.run}; {waiting} more {'waits' if waiting == 1 else 'wait'}")


def _text(file: str) -> str:
    """What the file says.

    Raises:
        UserError: it says nothing, too much, or no text; or it cannot be read.
    """
    import sys

    from gristmill.graph.models.mailbox.answers import MOST_BYTES, answer_text
    from gristmill.sandbox.errors import UserError

    name = "standard input" if file == "-" else file
    try:
        if file == "-":
            read = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with open(file, "rb") as opened:
                read = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{name}: the answer cannot be read: {error.strerror or error}") from error
    return answer_text(read, name)
