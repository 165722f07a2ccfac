"""``vllm:NAME_OR_PATH``: a proposer that starts a vLLM server, asks it, and ends it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gristmill.graph.models.chat import ChatProposer
from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.vllm.server import VllmServer, adapter_rank, interpreter
from gristmill.graph.records import Reply, Request

__all__ = ["VllmProposer"]


class VllmProposer:
    """A vLLM server of its own and the way to it, as one proposer.

    Args:
        model: name on the hub, or a folder.
        adapter: folder of a LoRA adapter in PEFT's format.
        options: `vllm_python` must name the interpreter of an environment that holds vLLM.
    """

    name = "vllm"

    def __init__(self, model: str, *, adapter: str | None = None, options: ModelOptions | None = None) -> None:
        self.model = model
        self.adapter = adapter
        self._options = options or ModelOptions()
        rank = adapter_rank(Path(adapter)) if adapter is not None else None
        interpreter(self._options.vllm_python)
        self._server = VllmServer(model, self._options, rank=rank)
        self._chat: ChatProposer | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(self._server)
            served = self.model if self.adapter is None else await server.load_adapter(Path(self.adapter))
            chat = OpenAIProposer(served, server.url, options=self._options, key=server.key, form="vllm")
            self._chat = await stack.enter_async_context(chat)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chat = None
        await self._open.aclose()

    async def propose(self, request: Request) -> Reply:
        """One reply; a server that dies ends the wait at once, with the end of its log.

        Raises:
            ModelError: the server died, or did not answer after retries.
        """
        if self._chat is None:
            raise ModelError("vLLM is not running: enter the proposer first")
        answer = asyncio.ensure_future(self._chat.propose(request))
        death = asyncio.ensure_future(self._server.died())
        try:
            await asyncio.wait({answer, death}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise death.result()
        finally:
            for task in (answer, death):
                task.cancel()
            await asyncio.gather(answer, death, return_exceptions=True)
