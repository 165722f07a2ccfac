"""The small model that runs in this process: no server, no key, no GPU."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.local.batches import parts
from gristmill.graph.models.local.fetch import fetch
from gristmill.graph.models.local.generation import DrawnReply, Generator
from gristmill.graph.models.local.memory import give_back, keep_freed
from gristmill.graph.models.local.weights import load_model
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.records import Reply, Request, Tokens

__all__ = ["LocalProposer", "fetch"]

# A batch starts when it is full, when nobody came for a moment, or when the first has waited long enough.
_LULL_SECONDS, _WAIT_SECONDS = 0.03, 0.5

_SHORTEST = 512
"""Tokens below which a reply that was to be longer is not worth its prompt."""

_Waiting = tuple[Request, "asyncio.Future[Reply]"]


class LocalProposer:
    """A Hugging Face causal model on this machine's CPU, answering many requests in one batch.

    What is drawn for a request depends on its prompt, its sampling and its seed; on the others in its batch only
    through rounding.

    Args:
        path: folder in Hugging Face's format; None is the small model that `fetch` puts into the cache.
        adapter: folder of a PEFT LoRA adapter (safetensors), merged into a copy of the weights when they are loaded.
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
        self._waiting: list[_Waiting] = []
        self._came = asyncio.Event()
        self._stop = threading.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._server: asyncio.Task[None] | None = None
        self._generator: Generator | None = None

    async def __aenter__(self) -> Self:
        """Load the model, fetching it first where it is not there yet.

        Raises:
            InfrastructureError: the small model could not be fetched.
            ModelSetupError: the folder or the adapter is not what it should be.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        loop = asyncio.get_running_loop()
        try:
            self._generator = await loop.run_in_executor(self._thread, self._load)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._stop.clear()
        self._server = asyncio.create_task(self._serve(), name="local-model")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._server is not None:
            self._server.cancel()
            await asyncio.gather(self._server, return_exceptions=True)
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.shutdown)
        self._generator = self._server = self._thread = None
        await asyncio.to_thread(give_back)

    @property
    def context(self) -> int | None:
        """Tokens of prompt and reply together that the loaded model was made for."""
        return None if self._generator is None else self._generator.room

    async def propose(self, request: Request) -> Reply:
        """One reply; requests that wait at the same time are answered in one batch.

        Raises:
            ModelError: the proposer was not entered, was left meanwhile, or ran out of memory.
        """
        if self._server is None or self._server.done():
            raise ModelError("the local model is not running: enter the proposer first")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._came.set()
        return await future

    def _load(self) -> Generator:
        import torch

        keep_freed()
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        model, tokenizer = load_model(self.path or fetch(), self.adapter)
        return Generator(model, tokenizer)

    async def _serve(self) -> None:
        assert self._thread is not None
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._gather()
            try:
                replies = await loop.run_in_executor(self._thread, self._answer, [request for request, _ in batch])
            except (RuntimeError, MemoryError) as error:
                failure = ModelError(f"the local model failed on {len(batch)} requests: {error}")
                for _, future in batch:
                    if not future.done():
                        future.set_exception(failure)
                continue
            except asyncio.CancelledError:
                for _, future in batch:
                    future.cancel()
                raise
            for (_, future), reply in zip(batch, replies, strict=True):
                if not future.done():
                    future.set_result(reply)

    async def _gather(self) -> list[_Waiting]:
        """The next batch: as many as fit of those who came before the queue fell quiet."""
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        deadline = time.monotonic() + _WAIT_SECONDS
        count = 0
        while count < len(self._waiting) < self.options.batch and time.monotonic() < deadline:
            count = len(self._waiting)
            await asyncio.sleep(_LULL_SECONDS)
        self._waiting = [place for place in self._waiting if not place[1].done()]
        # Those who ask alike sit together, so that the batch shares as long a beginning as it can.
        self._waiting.sort(key=lambda place: (_said(place[0]), place[0].task_id, place[0].round, place[0].sample))
        batch, self._waiting = self._waiting[: self.options.batch], self._waiting[self.options.batch :]
        return batch

    def _answer(self, requests: list[Request]) -> list[Reply]:
        assert self._generator is not None
        started = time.monotonic()
        rows = [self._row(request) for request in requests]
        room = self._generator.room
        for row in rows:
            # A long reply may be allowed where there is not room for all of it.
            row.max_tokens = min(row.max_tokens, max(room - len(row.prompt), min(row.max_tokens, _SHORTEST)))
        fitting = [row for row in rows if len(row.prompt) + row.max_tokens <= room]
        for part in parts(fitting, self._generator.at_once):
            self._generator.run(part, stopped=self._stop.is_set)
        seconds = time.monotonic() - started
        return [
            Reply(
                text=row.text,
                tokens=Tokens(prompt=len(row.prompt), completion=len(row.tokens)),
                model=self.model,
                finish=row.finish or "context_length",
                seconds=seconds,
            )
            for row in rows
        ]

    def _row(self, request: Request) -> DrawnReply:
        assert self._generator is not None
        sampling = request.sampling
        seed = None
        if sampling.seed is not None:
            # Samples of one task differ even where a caller gives them all the same seed.
            seed = f"{sampling.seed}/{request.task_id}/{request.round}/{request.sample}"
        return DrawnReply(
            prompt=self._generator.encode(request.messages),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=seed,
            stop=sampling.stop,
        )


def _said(request: Request) -> list[str]:
    return [message.content for message in request.messages]
