"""``replay:FILE``: recorded replies instead of a model, for tests, demos and repeating a run exactly."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from gristmill.graph.models.base import Proposer, context_of, member_of
from gristmill.graph.models.errors import ReplayMissError
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Reply, Request
from gristmill.sandbox.errors import UserError

__all__ = ["RecordingProposer", "ReplayProposer"]


class ReplayProposer:
    """Plays a recording.

    Args:
        recording: the rows, or the file that holds them, which is read on entering.
        adapter: for provenance only.
    """

    name = "replay"

    def __init__(self, recording: Recording | Path, *, adapter: str | None = None) -> None:
        self.model = f"replay:{recording}" if isinstance(recording, Path) else "replay"
        self.adapter = adapter
        self._path = recording if isinstance(recording, Path) else None
        self._recording = recording if isinstance(recording, Recording) else None

    async def __aenter__(self) -> Self:
        if self._recording is None and self._path is not None:
            self._recording = Recording.read(self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def context(self) -> int | None:
        """What the recorded models said, the least: prompts were made by it."""
        said = [row.context for row in self._recording.rows if row.context is not None] if self._recording else []
        return min(said, default=None)

    async def propose(self, request: Request) -> Reply:
        """The recorded reply.

        Raises:
            ReplayMissError: there is none for this request.
        """
        start = time.perf_counter()
        recording = self._recording
        row = recording.for_request(request) if recording else None
        if row is None:
            raise ReplayMissError(self._miss(request))
        return Reply(
            text=row.text,
            tokens=row.tokens,
            model=row.model or self.model,
            finish=row.finish,
            reasoning=row.reasoning,
            seconds=time.perf_counter() - start,
        )

    def _miss(self, request: Request) -> str:
        place = f"task {request.task_id!r}, round {request.round}, sample {request.sample}"
        if self._recording is not None and self._recording.other_prompt(request):
            return (
                f"{self.model}: {place} was recorded with another prompt or seed; replay with the tasks, the seed and "
                "the version that it was recorded with, or drop `prompt_sha` and `seed` from its rows to play it anyway"
            )
        return (
            f"{self.model} holds no reply for {place}; record one, or add a row without `task_id` for everything else"
        )


class RecordingProposer:
    """Asks another proposer and appends what it answers to a file that `replay:FILE` plays.

    Args:
        inner: who is asked; entered and left together with this one.
        path: the file; replies of a resumed run are appended to it.
    """

    def __init__(self, inner: Proposer, path: Path) -> None:
        self.name, self.model, self.adapter = inner.name, inner.model, inner.adapter
        self._inner = inner
        self._path = path
        self._file: IO[str] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self._path}: replies cannot be recorded here: {error}") from error
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        await self._inner.__aexit__(kind, error, trace)

    @property
    def context(self) -> int | None:
        """What the other one says."""
        return context_of(self._inner)

    def member(self, name: str) -> Proposer:
        """Who answers in the end, where the other one asks several."""
        return member_of(self._inner, name)

    async def propose(self, request: Request) -> Reply:
        """The other proposer's reply, written down before it is returned."""
        reply = await self._inner.propose(request)
        row = Recorded(
            text=reply.text,
            task_id=request.task_id,
            round=request.round,
            sample=request.sample,
            prompt_sha=prompt_sha(request.messages),
            seed=request.sampling.seed,
            model=reply.model or member_of(self._inner, request.model).model,
            adapter=member_of(self._inner, request.model).adapter,
            tokens=reply.tokens,
            finish=reply.finish,
            reasoning=reply.reasoning,
            context=self.context,
        )
        if self._file is not None:
            self._file.write(row.line() + "\n")
            self._file.flush()
        return reply
