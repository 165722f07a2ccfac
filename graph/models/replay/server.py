"""A small OpenAI-compatible server on loopback that plays recorded replies, and fails on demand.

It exists so that a real client can be exercised over real HTTP without a model: in our tests, in yours, and by hand::

    python -m gristmill.graph.models.replay.server examples/replies.jsonl --port 8000 --fail 429,500,drop

It answers ``POST /v1/chat/completions`` and ``GET /v1/models``, listens on 127.0.0.1 only, and will never do more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gristmill.graph.models.replay.calls import Call, Failure
from gristmill.graph.models.replay.proposer import Recorded, Recording
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Message, Tokens
from gristmill.sandbox.errors import GristmillError

__all__ = ["Call", "Failure", "ReplayServer", "main"]

_MOST_BYTES = 32 * 1024 * 1024


class ReplayServer:
    """The server, as a context manager; it answers many calls at a time.

    Args:
        answers: a recording, or a function from a call to the text (or row) that answers it.
        models: the names that it serves; others are refused as a real server would.
        failures: what happens to the first calls, one each; an endless iterator fails for ever.
        key: if given, calls without it are refused.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        answers: Recording | Callable[[Call], str | Recorded],
        *,
        models: tuple[str, ...] = ("replay",),
        failures: Iterable[Failure] = (),
        key: str | None = None,
        port: int = 0,
    ) -> None:
        self.models = models
        self.key = key
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self._answers = answers
        self._failures: Iterator[Failure] = iter(failures)
        self._turns: Counter[tuple[str, int | None]] = Counter()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", port), _Handler)
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

    def receive(self, body: dict[str, Any], key: str) -> tuple[Call, Failure | None]:
        """Write down a call; the failure that was asked for it, if any."""
        messages = tuple(Message(role=row["role"], content=_content(row)) for row in body["messages"])
        seed = body.get("seed")
        with self._lock:
            failure = next(self._failures, None)
            place = (prompt_sha(messages), seed)
            call = Call(
                number=len(self.calls),
                turn=self._turns[place],
                model=str(body.get("model", "")),
                messages=messages,
                seed=seed,
                body=body,
                key=key,
            )
            self.calls.append(call)
            if failure is None:
                self._turns[place] += 1
        return call, failure

    def answer(self, call: Call) -> Recorded | None:
        """The row that answers a call, or None."""
        if isinstance(self._answers, Recording):
            return self._answers.for_messages(call.messages, seed=call.seed, turn=call.turn)
        found = self._answers(call)
        return Recorded(text=found) if isinstance(found, str) else found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    replay: ReplayServer

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open: set[socket.socket] = set()

    def cut(self) -> None:
        """End the connections that clients keep open, as the end of a real server's process would."""
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; the default prints a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        replay = self.server.replay
        if not self._allowed():
            return
        if self.path == "/v1/models":
            rows = [{"id": name, "object": "model", "owned_by": "replay"} for name in replay.models]
            self._send(200, {"object": "list", "data": rows})
        else:
            self._refuse(404, f"there is no {self.path} here")

    def do_POST(self) -> None:
        if not self._allowed():
            return
        if self.path != "/v1/chat/completions":
            self._refuse(404, f"there is no {self.path} here")
            return
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 <= length <= _MOST_BYTES:
                self._refuse(413, "the request is too large")
                return
            call, failure = self.server.replay.receive(json.loads(self.rfile.read(length)), self._key())
        except (ValueError, KeyError, TypeError) as error:
            self._refuse(400, f"this is no request for a chat completion: {error}")
            return
        if failure is not None:
            self._fail(failure)
        else:
            self._reply(call)

    def _reply(self, call: Call) -> None:
        if call.model not in self.server.replay.models:
            self._refuse(404, f"The model `{call.model}` does not exist.", code="model_not_found")
        elif call.body.get("stream"):
            self._refuse(400, "this server does not stream")
        elif (row := self.server.replay.answer(call)) is None:
            self._refuse(404, "the recording holds no reply for these messages", code="replay_miss")
        else:
            self._send(200, _completion(call, row))

    def _fail(self, failure: Failure) -> None:
        if failure.kind == "status":
            headers = {"Retry-After": failure.retry_after} if failure.retry_after is not None else {}
            self._refuse(failure.status, failure.message, code=failure.code, headers=headers)
        elif failure.kind == "garbage":
            self._write(200, b"<html>the gateway is having a bad day</html>", "text/html", {})
        else:
            if failure.kind == "hang":
                self.server.replay.closing.wait(failure.seconds)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _key(self) -> str:
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _allowed(self) -> bool:
        if self.server.replay.key in {None, self._key()}:
            return True
        self._refuse(401, "Incorrect API key provided.", code="invalid_api_key")
        return False

    def _refuse(
        self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        # The body of a refused request may be unread: a kept connection would take it for the next request.
        self.close_connection = True
        error = {"message": message, "type": "replay_server", "param": None, "code": code}
        self._send(status, {"error": error}, headers)

    def _send(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._write(status, json.dumps(value).encode(), "application/json", headers or {})

    def _write(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, text)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _content(row: dict[str, Any]) -> str:
    content = row["content"]
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def _completion(call: Call, row: Recorded) -> dict[str, Any]:
    tokens = row.tokens
    if tokens == Tokens():
        said = sum(len(message.content) for message in call.messages)
        tokens = Tokens(prompt=said // 4 + 1, completion=len(row.text) // 4 + 1)
    return {
        "id": f"replay-{call.number}",
        "object": "chat.completion",
        "created": 0,
        "model": row.model or call.model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": row.text}, "finish_reason": row.finish or "stop"}
        ],
        "usage": {
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "total_tokens": tokens.prompt + tokens.completion,
        },
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when interrupted, 2 for a file that cannot be played."""
    parser = argparse.ArgumentParser(
        prog="python -m gristmill.graph.models.replay.server", description=__doc__.splitlines()[0]
    )
    parser.add_argument("file", type=Path, help="recorded replies, JSONL")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--model", default="replay", help="the name that it serves")
    parser.add_argument("--fail", default="", help="what happens to the first calls: 429:2,500,hang,drop,garbage")
    options = parser.parse_args(arguments)
    try:
        failures = [Failure.parse(part) for part in options.fail.split(",") if part]
        server = ReplayServer(
            Recording.read(options.file), models=(options.model,), failures=failures, port=options.port
        )
    except (GristmillError, ValueError, OSError) as error:
        parser.exit(2, f"{error}\n")
    print(f"--model openai:{options.model}@{server.url}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
