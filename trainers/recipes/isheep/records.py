"""What an iteration writes down."""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.records import Message
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome, Strength, Task

__all__ = ["Filtered", "Pair", "Pairs", "Written"]


class Written(Record):
    """Prompts that the model wrote."""

    tasks: tuple[Task, ...]
    asked: int
    refused: dict[str, int] = Field(description="replies that became no prompt, by reason")


class Pair(Record):
    """A prompt and the reply to it. What the model says of it is never a verdict."""

    id: str
    task: Task = Field(description="of a second turn: its prompt alone")
    history: tuple[Message, ...] = Field((), description="the turns before")
    reply: str
    cut: bool = Field(False, description="the reply had reached the greatest length")
    outcome: Outcome = Field(description="what a tool found; `refused` where none can decide")
    strength: Strength = Field(description="of the tool's verdict; self_assessed where no tool has decided")
    quality: int | None = Field(None, description="the model's own score, 1 to 10; None: none could be read")
    following: int | None = Field(None, description="the same, of how far the reply does what was asked")

    @property
    def turn(self) -> int:
        """1, or 2 where it goes on."""
        return 1 + len(self.history) // 2

    @property
    def passed(self) -> bool | None:
        """What a tool has decided; None where none has."""
        if self.strength is Strength.SELF_ASSESSED or self.outcome in (Outcome.UNSCORED, Outcome.REFUSED):
            return None
        return self.outcome is Outcome.PASSED

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was sent for the reply."""
        return (*self.history, Message(role="user", content=self.task.prompt))


class Pairs(Record):
    """All pairs of an iteration."""

    pairs: tuple[Pair, ...]


class Filtered(Record):
    """What a filter has kept and rejected."""

    filter: str
    kept: tuple[str, ...] = Field(description="ids of pairs")
    rejected: dict[str, int] = Field(description="pairs by the first reason against them")
