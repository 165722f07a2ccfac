"""What a replay server receives, and what it does instead of answering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args
from urllib.parse import quote, unquote

from pydantic import Field

from gristmill.graph.records import Message
from gristmill.sandbox.records import Record

__all__ = ["HEADERS", "KINDS", "Call", "Failure", "headers_of", "place_of"]


HEADERS = ("X-Gristmill-Task", "X-Gristmill-Round", "X-Gristmill-Sample")
"""Of a request that says which place of a run it is for; the task's id is percent-encoded."""


def headers_of(task_id: str, round: int, sample: int) -> dict[str, str]:
    """The headers for a place."""
    return dict(zip(HEADERS, (quote(task_id, safe=""), str(round), str(sample)), strict=True))


def place_of(headers: Mapping[str, str]) -> tuple[str, int, int] | None:
    """The place that headers name, if they name one.

    Raises:
        ValueError: they name a round or sample that is no number.
    """
    by_name = {name.lower(): text for name, text in headers.items()}
    task_id, round_, sample = (by_name.get(name.lower()) for name in HEADERS)
    return None if task_id is None else (unquote(task_id), int(round_ or 0), int(sample or 0))


class Call(Record):
    """One request for a reply, as it arrived."""

    number: int = Field(description="from 0, failed ones included")
    turn: int = Field(description="how many calls with the same messages and seed were answered before")
    model: str
    messages: tuple[Message, ...]
    seed: int | None = None
    body: dict[str, Any] = Field(default={}, description="everything that the client sent")
    place: tuple[str, int, int] | None = Field(None, description="task, round and sample, where the client sends them")
    key: str = Field("", description="what stood behind `Authorization: Bearer`")


Kind = Literal[
    "hang", "drop", "garbage", "malformed", "no_choices", "empty", "reasoning", "slow", "stream", "stream_only"
]
KINDS: tuple[str, ...] = get_args(Kind)
"""What a server may do to a call beside answering it or refusing it with a status."""


class Failure(Record):
    """What happens to a call instead of an answer, or on the way to it.

    `drop` cuts the connection, `hang` does so after `seconds`, `garbage` is a page of HTML and `malformed` broken JSON,
    both with status 200; `no_choices`, `empty` and `reasoning` are completions without an answer. `slow` answers after
    `seconds`, `stream` as a stream that nobody asked for, `stream_only` as a stream to whoever asks for one.
    """

    kind: Literal["status"] | Kind
    status: int = 500
    message: str = "this failure was asked for"
    code: str | None = None
    retry_after: str | None = Field(None, description="seconds or an HTTP date, sent as it is")
    seconds: float = Field(3600.0, description="how long `hang` and `slow` wait")

    @property
    def answers(self) -> bool:
        """Whether the call gets its reply all the same."""
        return self.kind in {"slow", "stream"}

    @classmethod
    def parse(cls, text: str) -> Failure:
        """A failure from the command line: a kind, ``500``, or ``429:2`` (Retry-After: 2); ``slow:3`` takes 3 s."""
        name, _, number = text.partition(":")
        if name in KINDS:
            return cls(kind=cast("Kind", name), **({"seconds": float(number)} if number else {}))
        return cls(kind="status", status=int(name), retry_after=number or None)
