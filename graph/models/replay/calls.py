"""What a replay server receives, and what it does instead of answering."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field

from gristmill.graph.records import Message
from gristmill.sandbox.records import Record

__all__ = ["Call", "Failure"]


class Call(Record):
    """One request for a reply, as it arrived."""

    number: int = Field(description="from 0, failed ones included")
    turn: int = Field(description="how many calls with the same messages and seed were answered before")
    model: str
    messages: tuple[Message, ...]
    seed: int | None = None
    body: dict[str, Any] = Field(default={}, description="everything that the client sent")
    key: str = Field("", description="what stood behind `Authorization: Bearer`")


class Failure(Record):
    """What happens to a call instead of an answer."""

    kind: Literal["status", "hang", "drop", "garbage"]
    status: int = 500
    message: str = "this failure was asked for"
    code: str | None = None
    retry_after: str | None = Field(None, description="seconds or an HTTP date, sent as it is")
    seconds: float = Field(3600.0, description="how long `hang` holds the connection before it drops it")

    @classmethod
    def parse(cls, text: str) -> Failure:
        """A failure from the command line: ``hang``, ``drop``, ``garbage``, ``500`` or ``429:2`` (Retry-After: 2)."""
        if text in {"hang", "drop", "garbage"}:
            return cls(kind=cast("Literal['hang', 'drop', 'garbage']", text))
        status, _, wait = text.partition(":")
        return cls(kind="status", status=int(status), retry_after=wait or None)
