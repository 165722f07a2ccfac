"""A small OpenAI-compatible server on loopback that plays recorded replies, and fails on demand.

It exists so that a real client can be exercised over real HTTP without a model: in our tests, in yours, and by hand::

    python -m gristmill.graph.models.replay.server examples/replies.jsonl --port 8000 --fail 429,500,drop

It answers ``POST /v1/chat/completions`` and ``GET /v1/models``, listens on 127.0.0.1 only, and will never do more.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gristmill.graph.models.replay.answering import Handler, Listener
from gristmill.graph.models.replay.calls import HEADERS, KINDS, Call, Failure, place_of
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Message, Request, Sampling
from gristmill.sandbox.errors import GristmillError

__all__ = ["Call", "Failure", "ReplayServer", "main"]


class ReplayServer:
    """The server, as a context manager; it answers many calls at a time.

    Args:
        answers: a recording, or a function from a call to the text (or row) that answers it.
        models: the names that it serves; others are refused as a real server would.
        failures: what happens to the first calls, one each, None for nothing; an endless iterator fails for ever.
        context: tokens that it says its models' contexts hold, as vLLM does.
        key: if given, calls without it are refused.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        answers: Recording | Callable[[Call], str | Recorded],
        *,
        models: tuple[str, ...] = ("replay",),
        failures: Iterable[Failure | None] = (),
        context: object = None,
        key: str | None = None,
        port: int = 0,
    ) -> None:
        self.models = models
        self.context = context
        self.key = key
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self._answers = answers
        self._failures: Iterator[Failure | None] = iter(failures)
        self._turns: Counter[tuple[str, int | None]] = Counter()
        self._lock = threading.Lock()
        self._http = Listener(("127.0.0.1", port), Handler)
        self._http.replay = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """What stands behind the @ of ``openai:NAME@URL``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.closing.is_set():
            return
        self.closing.set()
        self._http.shutdown()
        self._http.cut()
        self._thread.join()
        self._http.server_close()

    def serve(self) -> None:
        """Answer calls until interrupted."""
        self._http.serve_forever()

    def receive(
        self, body: dict[str, Any], key: str, headers: Mapping[str, str] | None = None
    ) -> tuple[Call, Failure | None]:
        """Write down a call; the failure that was asked for it, if any."""
        messages = tuple(Message(role=row["role"], content=_content(row)) for row in body["messages"])
        seed = body.get("seed")
        with self._lock:
            failure = next(self._failures, None)
            named_place = place_of(headers or {})
            place = (prompt_sha(messages), seed)
            call = Call(
                number=len(self.calls),
                turn=self._turns[place],
                model=str(body.get("model", "")),
                messages=messages,
                seed=seed,
                body=body,
                place=named_place,
                key=key,
            )
            self.calls.append(call)
            if failure is None or failure.answers:
                self._turns[place] += 1
        return call, failure

    def answer(self, call: Call) -> Recorded | None:
        """The row that answers a call, or None."""
        if isinstance(self._answers, Recording):
            if call.place is not None:
                task_id, round_, sample = call.place
                sampling = Sampling(seed=call.seed)
                return self._answers.for_request(
                    Request(task_id=task_id, round=round_, sample=sample, messages=call.messages, sampling=sampling)
                )
            return self._answers.for_messages(call.messages, seed=call.seed, turn=call.turn)
        answer = self._answers(call)
        return Recorded(text=answer) if isinstance(answer, str) else answer


def _content(row: dict[str, Any]) -> str:
    content = row["content"]
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when interrupted, 2 for a file that cannot be played."""
    parser = argparse.ArgumentParser(
        prog="python -m gristmill.graph.models.replay.server", description=__doc__.splitlines()[0]
    )
    parser.add_argument("file", type=Path, help="recorded replies, JSONL")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--model", default="replay", help="the name that it serves")
    parser.add_argument(
        "--fail",
        default="",
        help=f"what happens to the first calls, one each: 429:2 (with Retry-After), 500, {', '.join(KINDS)}",
    )
    options = parser.parse_args(arguments)
    try:
        failures = [Failure.parse(part) for part in options.fail.split(",") if part]
        recording = Recording.read(options.file)
        server = ReplayServer(recording, models=(options.model,), failures=failures, port=options.port)
    except (GristmillError, ValueError, OSError) as error:
        parser.exit(2, f"{error}\n")
    named = sum(row.task_id is not None and not (row.prompt_sha or row.match) for row in recording.rows)
    placed = sum(row.round is not None or row.sample is not None for row in recording.rows)
    if named or placed:
        print(
            f"{named} of {len(recording.rows)} rows are for one task only, {placed} for one round or sample. "
            f"They are played to clients that send {', '.join(HEADERS)}, as gristmill's openai:NAME@URL does; "
            "to others a row of a task is not played, and rows of a round or sample are dealt out in turn",
            file=sys.stderr,
            flush=True,
        )
    print(f"--model openai:{options.model}@{server.url}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
