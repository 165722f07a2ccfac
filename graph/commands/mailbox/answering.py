"""The command `answer`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import say

__all__ = ["MOST_BYTES", "answer"]

MOST_BYTES = 1 << 20
"""Of one answer: far more than models say, and what a store holds with ease."""


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

    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.extraction.replies import without_reasoning

    name = "standard input" if file == "-" else file
    try:
        if file == "-":
            read = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with open(file, "rb") as opened:
                read = opened.read(MOST_BYTES + 1)
        if len(read) > MOST_BYTES:
            raise UserError(f"{name}: an answer has at most {MOST_BYTES:,} bytes, and this has more")
        text = read.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{name}: the answer cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: the answer is no text in UTF-8: {error.reason} at byte {error.start}") from error
    if not text.strip():
        raise UserError(f"{name}: the answer is empty; to leave a request to others, do not answer it")
    if not without_reasoning(text).strip():
        raise UserError(f"{name}: reasoning only, and no answer behind it")
    return text
