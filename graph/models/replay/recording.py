"""Recordings: files of replies, and which of them answers a request.

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
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from gristmill.graph.models.base import UNPROMPTED
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Hypothesis, Message, Request, Tokens
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["Recorded", "Recording"]


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
    reasoning: str = ""
    context: int | None = Field(
        None, ge=1, description="tokens of the context that the model said it has, by which its prompts were made"
    )

    @classmethod
    def of(cls, hypothesis: Hypothesis, context: int | None = None) -> Self:
        """What a stored run's model said for one hypothesis, in a run whose models told of this `context`."""
        return cls(
            context=context,
            text=hypothesis.text,
            task_id=hypothesis.task_id,
            round=hypothesis.round,
            sample=hypothesis.sample,
            prompt_sha=None if hypothesis.model in UNPROMPTED else hypothesis.prompt_sha,
            seed=hypothesis.sampling.seed,
            model=hypothesis.model,
            adapter=hypothesis.adapter,
            tokens=hypothesis.tokens,
            finish="length" if hypothesis.cut else "stop",
            reasoning=hypothesis.reasoning,
        )

    def line(self) -> str:
        """The row as it stands in a file."""
        return self.model_dump_json(exclude_none=True, exclude=None if self.reasoning else {"reasoning"})


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
