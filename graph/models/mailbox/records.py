"""What the mailbox keeps: a slip for each request, which says where it stands, and the answer, once there is one."""

from __future__ import annotations

import hashlib
import time

from pydantic import Field

from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Request
from gristmill.sandbox.records import Name, Record, Text

__all__ = ["ANSWERS", "REQUESTS", "SLIPS", "Answer", "Letter", "Slip", "letter_id"]

SLIPS, REQUESTS, ANSWERS = "mailbox", "mailbox request", "mailbox answer"
"""Kinds of documents; their owner is the run, their key the letter's id."""


class Slip(Record):
    """Where a request stands. Times are seconds since the epoch."""

    task_id: str
    round: int
    sample: int
    asked: float
    read: int = Field(0, description="how often it was given out")
    until: float = Field(0.0, description="whoever read it last has it alone until then")
    answered: bool = Field(False, description="follows the answer, which may be there a moment earlier")
    expired: bool = Field(False, description="the run has given it up; it is open again once it is asked again")

    @property
    def place(self) -> tuple[str, int, int]:
        """Which hypothesis of the run is asked for."""
        return self.task_id, self.round, self.sample

    @property
    def open(self) -> bool:
        """Whether somebody may still answer it."""
        return not (self.answered or self.expired)

    @property
    def taken(self) -> bool:
        """Whether somebody has it alone now."""
        return self.until > time.time()


class Answer(Record):
    """What somebody answered: a reply like a model's."""

    text: Text
    by: Name = Field("", description="who answered; kept as the name of the model")
    at: float


class Letter(Record):
    """A request as it is given to somebody who answers."""

    id: str
    run: str
    slip: Slip
    request: Request


def letter_id(run: str, request: Request) -> str:
    """Short enough to be typed; the same whenever this run asks this prompt for this place, and no other's.

    The prompt is part of it, as an answer is to what was asked: one to an earlier prompt of the place must not pass
    for one to this.
    """
    place = f"{run}\n{request.task_id}\n{request.round}\n{request.sample}\n{prompt_sha(request.messages)}"
    return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:10]
