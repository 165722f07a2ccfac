"""A proposer that answers as a function says: for tests of whatever stands on a model."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from gristmill.graph.records import Reply, Request, Tokens

__all__ = ["ScriptedProposer"]


class ScriptedProposer:
    """Asks `answer` for the text of each reply; it may wait, or raise what a model's client would.

    Attributes:
        requests: what it was asked, in the order of asking.
        open: how many of them are unanswered.
        most: how many were open at once, at most.
    """

    name, model = "scripted", "scripted-1"
    adapter: str | None = None

    def __init__(self, answer: Callable[[Request], str | Awaitable[str]], tokens: Tokens | None = None) -> None:
        self.requests: list[Request] = []
        self.open = self.most = 0
        self._answer = answer
        self._tokens = tokens or Tokens(prompt=10, completion=5)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def most_tokens(self, request: Request) -> Tokens:
        """Each reply takes the same."""
        return self._tokens

    async def propose(self, request: Request) -> Reply:
        """The reply that the script has for this request."""
        self.requests.append(request)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            text = self._answer(request)
            text = await text if inspect.isawaitable(text) else text
            return Reply(text=text, tokens=self._tokens, model=self.model)
        finally:
            self.open -= 1
