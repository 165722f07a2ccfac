"""The contract of whatever proposes hypotheses."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from gristmill.graph.records import Reply, Request

__all__ = ["UNPROMPTED", "Proposer", "Waiting", "reads_prompts"]

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


def reads_prompts(proposer: Proposer) -> bool:
    """Whether a proposer answers the request's messages; one that says otherwise by an attribute of this name, as
    `mutate` does, works from `Request.ground`, and is sent the task alone."""
    return bool(getattr(proposer, "reads_prompts", True))
