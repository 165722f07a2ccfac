"""The contract of whatever proposes hypotheses."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from gristmill.graph.records import Reply, Request, Tokens
from gristmill.verifiers.records import Task

__all__ = [
    "UNPROMPTED",
    "Paced",
    "Proposer",
    "Several",
    "Switching",
    "Waiting",
    "bounded_by",
    "context_of",
    "member_of",
    "reads_prompts",
    "takes",
]

UNPROMPTED = ("mutate", "tune")
"""What replies name as their model that answer no prompt: what was asked says nothing of what was said."""


@runtime_checkable
class Proposer(Protocol):
    """A way to a model (or to something that needs none). Entered once for a run, asked many times at once."""

    name: str
    model: str
    adapter: str | None

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def propose(self, request: Request) -> Reply:
        """One reply.

        Raises:
            ModelError: the model could not be had after retries (an `InfrastructureError`).
        """
        ...


@runtime_checkable
class Waiting(Protocol):
    """A proposer that may wait for somebody to do something."""

    def waiting(self) -> str:
        """What it waits for, for whoever looks at the run; empty while it waits for nothing."""
        ...


@runtime_checkable
class Several(Protocol):
    """A proposer that asks one of several."""

    def member(self, name: str) -> Proposer:
        """The one of that name; KeyError where there is none."""
        ...


@runtime_checkable
class Switching(Protocol):
    """A proposer whose model stays where it is while adapters change, and that can make room for a training."""

    async def switch(self, adapter: str | None) -> None:
        """Answer with this adapter from now on, or with none; called while no request is under way.

        Raises:
            ModelError: it could not be loaded, or changes nothing; the adapter of before is in use no more.
        """
        ...

    async def rest(self) -> None:
        """Free the device for something else; `switch` wakes it."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A proposer whose calls have to wait for one another."""

    def turn(self, request: Request) -> AbstractAsyncContextManager[None]:
        """Wait until the request may be made; entered before it is, and left once it is answered."""
        ...


def member_of(proposer: Proposer, name: str | None) -> Proposer:
    """Who is asked in the end: of several the one of that name."""
    return proposer.member(name) if name is not None and isinstance(proposer, Several) else proposer


def takes(proposer: Proposer, task: Task) -> bool:
    """Whether a proposer can answer a task at all; one that cannot answer some has a method of this name."""
    able = getattr(proposer, "takes", None)
    return True if able is None else bool(able(task))


def bounded_by(proposer: Proposer, request: Request) -> Tokens | None:
    """Tokens that a reply to a request takes at most, where the proposer knows that by itself: by a method
    `most_tokens(request)`, as those have that take none. None where it does not."""
    bound = getattr(proposer, "most_tokens", None)
    return None if bound is None else Tokens.model_validate(bound(request))


def reads_prompts(proposer: Proposer) -> bool:
    """Whether a proposer answers the request's messages; one that says otherwise by an attribute of this name, as
    `mutate` does, works from `Request.ground`, and is sent the task alone."""
    return bool(getattr(proposer, "reads_prompts", True))


def context_of(proposer: Proposer) -> int | None:
    """Tokens that a prompt and its reply may have together, where an entered proposer knows: by an attribute `context`,
    which need not be true, as servers say what they like. None where it does not; of several the least that is said."""
    said = getattr(proposer, "context", None)
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else None
