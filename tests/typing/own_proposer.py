"""A proposer of a user's own: no model, the numbers in turn."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from gristmill.graph import Proposer, Reply, Request


class Counting:
    """Proposes the sum with the next number."""

    name = "counting"
    model = "counting-1"
    adapter: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def propose(self, request: Request) -> Reply:
        return Reply(text=f"```python\ndef f(x):\n    return x + {request.sample}\n```")


PROPOSER: Proposer = Counting()
