"""What runs ask the mailbox, and the form that answers: the only thing that the page writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gristmill.graph.models.mailbox.answers import MOST_BYTES, answer_text
from gristmill.graph.models.mailbox.box import Mailbox
from gristmill.graph.models.mailbox.records import Letter
from gristmill.graph.storage.store import Store
from gristmill.graph.view.figures import duration
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.graph.view.terminal import in_terminal
from gristmill.sandbox.errors import UserError

__all__ = ["KIND", "MailboxPage", "answer_sent", "mailbox_listing", "mailbox_page"]

KIND = "mailbox"


@dataclass(frozen=True, slots=True)
class MailboxPage:
    """What waits of a run, and the request that is to be answered, if one was chosen."""

    run: str
    waiting: Sequence[tuple[Letter, str]]
    """With how long each has waited."""
    letter: Letter | None
    over: str
    """Why the chosen request takes no answer; empty where it does, or none was chosen."""
    most: int
    """Bytes of an answer."""
    show: str
    answer: str
    """Commands for a terminal that do the same."""


def mailbox_listing(store: Store) -> Listing | None:
    """Runs that wait for somebody's answers; None where none does."""
    box = Mailbox(store)
    rows = []
    for run in box.runs(None):
        waiting, taken = box.waiting(run.name)
        if waiting:
            cells = Cell(str(waiting), number=True), Cell(str(taken), number=True)
            rows.append((Cell(run.name, Asked(KIND, run.name)), *cells))
    return Listing("Waiting for your answer", ("run", "requests", "read by somebody"), rows) if rows else None


def mailbox_page(store: Store, asked: Asked) -> MailboxPage | None:
    """The requests of a run that wait, or one of them; None where there is no such run."""
    if all(run.name != asked.owner for run in store.runs()):
        return None
    now, letters = time.time(), Mailbox(store).letters(asked.owner)
    chosen = next((each for each in letters if each.id == asked.id), None)
    over = ""
    if asked.id and chosen is None:
        over = "It is answered already, was given up, or was never asked: nothing is open under this address."
    waiting = [(each, duration(now - each.slip.asked)) for each in letters]
    return MailboxPage(
        run=asked.owner,
        waiting=waiting,
        letter=chosen,
        over=over,
        most=MOST_BYTES,
        show=in_terminal(store, asked, "next", asked.owner),
        answer=in_terminal(store, asked, "answer", chosen.id, "FILE") if chosen is not None else "",
    )


def answer_sent(store: Store, asked: Asked, sent: Mapping[str, str]) -> Asked:
    """Keep an answer from the browser, as `gristmill answer` keeps one from a file; what still waits is shown next.

    Raises:
        UserError: it is none, or nobody asks that of this run, or not any more.
    """
    if unknown := sent.keys() - {"answer", "by"}:
        raise UserError(f"the form of an answer has no field {sorted(unknown)[0]!r}")
    box = Mailbox(store)
    # An id is of one run; what the address says of it must be true before anything is written.
    if all(each.id != asked.id for each in box.letters(asked.owner)):
        raise UserError(
            f"the request {asked.id!r} of the run {asked.owner!r} is not open: it is answered already, was given up, "
            "or was never asked; the first answer stays"
        )
    box.answer(asked.id, answer_text(sent.get("answer", "").encode(), "the form"), sent.get("by", ""))
    return Asked(KIND, asked.owner)
