"""What happens in a run, as it happens: small frozen records for progress displays, tests and the store.

Events are told after the fact that they name is stored, so whoever hears of a reply or a verdict can rely on finding
it in the store, even if the process is killed in the next instant.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from gristmill.graph.records import StopReason, Tokens
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Direction, Outcome

__all__ = [
    "RUN_LISTENER",
    "STAGE_LISTENER",
    "CallStarted",
    "Event",
    "Judged",
    "LeftOut",
    "Listener",
    "NodeEntered",
    "Reflected",
    "Replied",
    "RoundRanked",
    "RunEnded",
    "RunStarted",
    "ServerTrouble",
    "Settled",
    "StageRan",
    "TaskEnded",
    "TaskStarted",
    "Unanswered",
    "WorkerTrouble",
    "staged",
]


class RunStarted(Record):
    """A campaign begins or, with `resumed`, goes on."""

    kind: Literal["run_started"] = "run_started"
    run: str
    tasks: int = Field(description="tasks of the run")
    ended: int = Field(0, description="tasks that had ended before")
    resumed: bool = False
    model: str = ""
    solved: int = Field(0, description="tasks that had been solved before")
    calls: int = Field(0, description="calls that were made before; so do the others count what was there")
    tokens: int = 0
    counted: int = Field(0, description="tokens that count in the budget; calls that were cut off at their most")
    money: float = Field(0.0, description="dollars")
    replies: int = 0
    outcomes: dict[Outcome, int] = Field({}, description="verdicts by outcome")


class TaskStarted(Record):
    """The loop of one task begins (or goes on, after a resume)."""

    kind: Literal["task_started"] = "task_started"
    task_id: str
    score: float | None = Field(None, description="the best one of earlier sessions")


class NodeEntered(Record):
    """A node of the graph begins its work; `task_id` is empty for the campaign's own nodes. Not stored."""

    kind: Literal["node_entered"] = "node_entered"
    node: str
    task_id: str = ""
    round: int = 0


class CallStarted(Record):
    """A model is about to be asked; the calls table holds it. Not stored as an event."""

    kind: Literal["call_started"] = "call_started"
    task_id: str
    hypothesis: str
    attempt: int = Field(description="1, or more where a kill cut an earlier call off")


class Unanswered(Record):
    """A model was asked in vain, after all tries of the call: its place stays empty until a resume."""

    kind: Literal["unanswered"] = "unanswered"
    task_id: str
    hypothesis: str
    detail: str
    counted: int = Field(0, description="tokens that count in the budget all the same")
    money: float = Field(0.0, description="dollars that do")


class LeftOut(Record):
    """A model of several was given up: it is not asked any more in this run, and the others take its share."""

    kind: Literal["left_out"] = "left_out"
    model: str = Field(description="its name in the roster")
    detail: str


class WorkerTrouble(Record):
    """A worker of the sandbox was lost or did not start; another took its place, and no verdict hangs on it."""

    kind: Literal["worker_trouble"] = "worker_trouble"
    detail: str


class ServerTrouble(Record):
    """Calls of a model were tried again for this, or its server was started again: so often since that was told last.

    It is told when it first comes up, each time that it has doubled since, and at the end of a session.
    """

    kind: Literal["server_trouble"] = "server_trouble"
    model: str = Field(description="its name among the run's")
    detail: str = Field(
        description="our own name for it: a status, say, or an error's class; nothing that a server said"
    )
    times: int


class Replied(Record):
    """A reply is stored."""

    kind: Literal["replied"] = "replied"
    task_id: str
    hypothesis: str
    usable: bool = Field(description="whether a solution was found in it")
    tokens: Tokens
    counted: int = Field(0, description="of these, or more where the server does not tell: what counts in the budget")
    money: float = Field(0.0, description="dollars")
    seconds: float


class Judged(Record):
    """A verdict is stored."""

    kind: Literal["judged"] = "judged"
    task_id: str
    hypothesis: str
    outcome: Outcome
    score: float | None
    direction: Direction = Direction.MAXIMIZE
    verified: bool
    seconds: float


class Settled(Record):
    """The consistency run has changed a stored verdict."""

    kind: Literal["settled"] = "settled"
    task_id: str
    hypothesis: str
    before: Outcome
    outcome: Outcome


class RoundRanked(Record):
    """All verdicts of a round are in and the best so far is known."""

    kind: Literal["round_ranked"] = "round_ranked"
    task_id: str
    round: int
    best: str | None
    score: float | None
    passed: int = Field(description="hypotheses of this round that passed")


class Reflected(Record):
    """Evidence goes back to the model; `tokens` is what a lesson took, where one was written."""

    kind: Literal["reflected"] = "reflected"
    task_id: str
    round: int
    parents: tuple[str, ...]
    tokens: Tokens = Tokens()
    counted: int = 0
    money: float = 0.0


class TaskEnded(Record):
    """A task's trajectory is complete and stored."""

    kind: Literal["task_ended"] = "task_ended"
    task_id: str
    stop: StopReason
    solved: bool
    best: str | None


class RunEnded(Record):
    """The campaign is over: finished, interrupted (Ctrl-C) or failed (infrastructure)."""

    kind: Literal["run_ended"] = "run_ended"
    run: str
    status: Literal["finished", "interrupted", "failed"]
    detail: str = ""


Event = Annotated[
    RunStarted
    | TaskStarted
    | NodeEntered
    | CallStarted
    | Unanswered
    | LeftOut
    | WorkerTrouble
    | ServerTrouble
    | Replied
    | Judged
    | Settled
    | RoundRanked
    | Reflected
    | TaskEnded
    | RunEnded,
    Field(discriminator="kind"),
]

Listener = Callable[[Event], None]
"""Hears every event, on the event loop's thread; it must return at once and not raise."""


@dataclass(frozen=True, slots=True)
class StageRan:
    """A stage of a command that is no run and has ended, a training say; nothing of it is stored.

    `known` are figures and names of ours; `began` and `ended` nanoseconds since the epoch.
    """

    name: str
    known: Mapping[str, str | int]
    began: int
    ended: int
    failed: bool


STAGE_LISTENER: ContextVar[Callable[[StageRan], None] | None] = ContextVar("STAGE_LISTENER", default=None)
"""Hears, for traces say, of every stage that ends in its context; it must return at once and not raise."""


@contextlib.contextmanager
def staged(name: str, **known: str | int) -> Iterator[None]:
    """Tell whoever listens of the stage in the block when it has ended, by whatever."""
    began, failed = time.time_ns(), True
    try:
        yield
        failed = False
    finally:
        if (listener := STAGE_LISTENER.get()) is not None:
            listener(StageRan(name, known, began, time.time_ns(), failed))


RUN_LISTENER: ContextVar[Listener | None] = ContextVar("RUN_LISTENER", default=None)
"""Hears, for traces say, of every run that begins in its context, after the run's own listener."""
