"""``vllm:NAME_OR_PATH``: a proposer that starts a vLLM server, asks it, and ends it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gristmill.graph.models.adapters import adapter_rank, served_name, served_rank
from gristmill.graph.models.chat import ChatProposer
from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.vllm.server import VllmServer, interpreter
from gristmill.graph.records import Reply, Request
from gristmill.sandbox.errors import UserError

__all__ = ["RESTARTED", "VllmProposer"]

RESTARTED = "its server had ended, and was started again"


class VllmProposer:
    """A vLLM server of its own and the way to it, as one proposer. It is a `Switching` one.

    Args:
        model: name on the hub, or a folder.
        adapter: folder of a LoRA adapter in PEFT's format.
        options: `vllm_python` names the interpreter of an environment that holds vLLM; None is that of
            ``gristmill vllm install``. With `lora_rank` adapters up to that rank can be switched to.
    """

    name = "vllm"

    def __init__(self, model: str, *, adapter: str | None = None, options: ModelOptions | None = None) -> None:
        self.model = model
        self.adapter = adapter
        self._options = options or ModelOptions()
        ranks = [adapter_rank(Path(adapter))] if adapter is not None else []
        if self._options.lora_rank is not None:
            ranks.append(served_rank(self._options.lora_rank, "lora_rank"))
        self._rank = max(ranks, default=None)
        interpreter(self._options.vllm_python)
        self._server: VllmServer | None = None
        self._asleep = False
        self._restarts = 0  # that no run has heard of yet
        self._chat: ChatProposer | None = None
        self._open = AsyncExitStack()
        self._asking = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
            await self._ask(self.adapter)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def switch(self, adapter: str | None) -> None:
        """Load the adapter into the server that runs, or wake or start it first; see `Switching`.

        Raises:
            ModelError: as `VllmServer.load_adapter`.
            UserError: its rank is greater than what the server was started for.
        """
        if adapter is not None and adapter_rank(Path(adapter)) > (self._rank or 0):
            raise UserError(f"{adapter}: of a greater rank than the {self._rank or 0} that this server was started for")
        before, self.adapter = self.adapter, None
        await self._asking.aclose()
        self._chat = None
        if self._server is None or not await self._server.answers():
            self._restarts += self._server is not None
            await self._stop()
            await self._start()
        else:
            await self._ready(self._server, before if before != adapter else None)
        await self._ask(adapter)
        self.adapter = adapter

    @property
    def context(self) -> int | None:
        """What the server says of the model's context, `max_model_len`."""
        return None if self._chat is None else self._chat.context

    async def rest(self) -> None:
        """Free the device; see `Switching`. A server on CPUs only idles, and stays as it is."""
        if self._server is None or self._asleep or self._server.device == "cpu":
            return
        if self._server.device == "cuda":
            self._asleep = await self._server.sleep()
        if not self._asleep:
            await self._stop()

    async def _ready(self, server: VllmServer, leave: str | None) -> None:
        if self._asleep:
            await server.wake()
            self._asleep = False
        if leave is not None:
            await server.unload_adapter(served_name(Path(leave)))

    async def _start(self) -> None:
        self._server = await self._open.enter_async_context(VllmServer(self.model, self._options, rank=self._rank))

    async def _ask(self, adapter: str | None) -> None:
        server = self._server
        if server is None:
            raise ModelError("vLLM is not running: enter the proposer first")
        served = self.model if adapter is None else await server.load_adapter(Path(adapter))
        chat = OpenAIProposer(served, server.url, options=self._options, key=server.key, form="vllm")
        self._chat = await self._asking.enter_async_context(chat)

    async def _stop(self) -> None:
        self._chat = None
        self._asleep = False
        try:
            await self._asking.aclose()
        finally:
            self._server = None
            await self._open.aclose()

    async def propose(self, request: Request) -> Reply:
        """One reply; a server that dies ends the wait at once, with the end of its log.

        Raises:
            ModelError: the server died, or did not answer after retries.
        """
        if self._chat is None or self._server is None:
            raise ModelError("vLLM is not running: enter the proposer first")
        while self._restarts and request.tries is not None:
            self._restarts -= 1
            request.tries.trouble(RESTARTED)
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
