"""The small model that runs in this process: no server, no key."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from gristmill.graph.models.fetch import fetch
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.records import Reply, Request

__all__ = ["LocalProposer", "fetch"]


class LocalProposer:
    """A Hugging Face causal model on this machine, answering many requests in one forward pass.

    Args:
        path: folder in Hugging Face's format; None is the small model that `fetch` puts into the cache.
        adapter: folder of a PEFT LoRA adapter, merged into the weights when they are loaded.
        options: `threads` and `batch` are read.
    """

    name = "local"

    def __init__(
        self, path: Path | None = None, *, adapter: str | None = None, options: ModelOptions | None = None
    ) -> None:
        self.path = path
        self.adapter = adapter
        self.options = options or ModelOptions()
        self.model = "local" if path is None else f"local:{path}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def propose(self, request: Request) -> Reply:
        """One reply; requests that wait at the same time are answered in one batch."""
        raise NotImplementedError
