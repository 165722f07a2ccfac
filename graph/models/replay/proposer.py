"""``replay:FILE``: recorded replies instead of a model, for tests, demos and repeating a run exactly.

A recording is JSONL, one reply a row. `text` is the reply; every other field that a row gives must fit the request::

    {"task_id": "a", "round": 0, "sample": 1, "prompt_sha": "9f…", "seed": 17, "text": "…", "tokens": {…}}
    {"task_id": "a", "text": "the same for every round and sample"}
    {"match": "even numbers", "text": "for every prompt in which these words occur"}
    {"text": "for everything else"}

The row that gives the most fields wins; among equals the rows are dealt out by the number of the sample, so that a
resumed run gets the same replies. `RecordingProposer` writes such files.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import Field, ValidationError

from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import ReplayMissError
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Message, Reply, Request, Tokens
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["Recorded", "Recording", "RecordingProposer", "ReplayProposer"]


class Recorded(Record):
    """One row of a recording."""

    text: str
    task_id: str | None = None
    round: int | None = Field(None, ge=0)
    sample: int | None = Field(None, ge=0)
    prompt_sha: str | None = None
    seed: int | None = None
    match: str | None = Field(None, min_length=1, description="occurs in one of the messages, letter for letter")
    model: str = ""
    adapter: str | None = None
    tokens: Tokens = Tokens()
    finish: str = "stop"


class Recording:
    """Rows of a recording, and which of them answers a request."""

    def __init__(self, rows: Iterable[Recorded]) -> None:
        self.rows = tuple(rows)
        self._by_task: dict[str | None, list[Recorded]] = defaultdict(list)
        self._by_sha: dict[str | None, list[Recorded]] = defaultdict(list)
        for row in self.rows:
            self._by_task[row.task_id].append(row)
            self._by_sha[row.prompt_sha].append(row)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """A recording from a file.

        Raises:
            UserError: there is no such file, or a row of it is no reply; names file and line.
        """
        try:
            # Not splitlines: JSON leaves U+2028 and its like in strings as they are.
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: the recording cannot be read: {error}") from error
        rows = [_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise UserError(f"{path}: the recording is empty; a row is {{'task_id': …, 'text': …}}")
        return cls(rows)

    def for_request(self, request: Request) -> Recorded | None:
        """The reply for one place in a run, or None."""
        sha = prompt_sha(request.messages)
        fitting = [
            row
            for row in (*self._by_task.get(request.task_id, ()), *self._by_task.get(None, ()))
            if row.round in {None, request.round}
            and row.sample in {None, request.sample}
            and row.seed in {None, request.sampling.seed}
            and row.prompt_sha in {None, sha}
            and _occurs(row.match, request.messages)
        ]
        return _best(fitting, request.sample)

    def for_messages(self, messages: Sequence[Message], *, seed: int | None, turn: int) -> Recorded | None:
        """The reply for messages of which nothing else is known, as over HTTP; rows are dealt out by `turn`.

        Rows that know neither `prompt_sha` nor `match` but belong to a task cannot be told apart and are not used.
        """
        rows = (*self._by_sha.get(prompt_sha(messages), ()), *self._by_sha.get(None, ()))
        fitting = [
            row
            for row in rows
            if (row.prompt_sha or row.match or row.task_id is None)
            and (row.seed is None or seed is None or row.seed == seed)
            and _occurs(row.match, messages)
        ]
        return _best(fitting, turn)

    def other_prompt(self, request: Request) -> bool:
        """Whether this place in a run was recorded, but for other messages."""
        return any(
            row.round in {None, request.round} and row.sample in {None, request.sample}
            for row in self._by_task.get(request.task_id, ())
        )


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
            model=reply.model or self.model,
            adapter=self.adapter,
            tokens=reply.tokens,
            finish=reply.finish,
        )
        if self._file is not None:
            self._file.write(row.model_dump_json(exclude_none=True) + "\n")
            self._file.flush()
        return reply


def _row(path: Path, number: int, line: str) -> Recorded:
    try:
        return Recorded.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "row"
        raise UserError(f"{path}, line {number}, {field}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}, line {number}: this is no JSON: {error}") from error


def _occurs(words: str | None, messages: Sequence[Message]) -> bool:
    return words is None or any(words in message.content for message in messages)


def _best(rows: Sequence[Recorded], turn: int) -> Recorded | None:
    if not rows:
        return None
    most = max(map(_fields, rows))
    best = [row for row in rows if _fields(row) == most]
    if all(row.sample is not None for row in best):
        # One place, recorded more than once (a call that a kill had cut off was made again): the last one was used.
        by_place = {(row.task_id, row.round, row.sample): row for row in best}
        best = list(by_place.values())
    return best[turn % len(best)]


def _fields(row: Recorded) -> int:
    given = (row.task_id, row.round, row.sample, row.prompt_sha, row.seed, row.match)
    return sum(value is not None for value in given)
