"""The HTTP side of a replay server: it reads calls and writes answers, among them bad ones on demand."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any, Protocol

from gristmill.graph.models.replay.calls import Call, Failure
from gristmill.graph.models.replay.recording import Recorded
from gristmill.graph.records import Tokens

__all__ = ["Answers", "Handler", "Listener"]

_MOST_BYTES = 32 * 1024 * 1024


class Answers(Protocol):
    """Who knows the answers: a `ReplayServer`."""

    models: tuple[str, ...]
    context: object
    key: str | None
    closing: Event

    def receive(
        self, body: dict[str, Any], key: str, headers: Mapping[str, str] | None = None
    ) -> tuple[Call, Failure | None]:
        """Write down a call; the failure that was asked for it, if any."""
        ...

    def answer(self, call: Call) -> Recorded | None:
        """The row that answers a call, or None."""
        ...


class Listener(ThreadingHTTPServer):
    """Answers each connection in a thread of its own, and can cut those that clients keep open."""

    daemon_threads = True
    request_queue_size = 256
    replay: Answers

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


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Listener

    def setup(self) -> None:
        """Note the connection."""
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The list of models."""
        replay = self.server.replay
        if not self._allowed():
            return
        if self.path == "/v1/models":
            rows = [
                {"id": name, "object": "model", "owned_by": "replay", "gristmill": {"headers": True}}
                | ({} if replay.context is None else {"max_model_len": replay.context})
                for name in replay.models
            ]
            self._send(200, {"object": "list", "data": rows})
        else:
            self._refuse(404, f"there is no {self.path} here")

    def do_POST(self) -> None:
        """A call."""
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
            call, failure = self.server.replay.receive(
                json.loads(self.rfile.read(length)), self._key(), dict(self.headers.items())
            )
        except (ValueError, KeyError, TypeError) as error:
            self._refuse(400, f"this is no request for a chat completion: {error}")
            return
        if failure is not None:
            self._fail(failure, call)
        else:
            self._reply(call)

    def _reply(self, call: Call, *, streamed: bool = False) -> None:
        if call.model not in self.server.replay.models:
            self._refuse(404, f"The model `{call.model}` does not exist.", code="model_not_found")
        elif call.body.get("stream") and not streamed:
            self._refuse(400, "this server does not stream")
        elif (row := self.server.replay.answer(call)) is None:
            self._refuse(404, "the recording holds no reply for these messages", code="replay_miss")
        elif streamed:
            self._write(200, _events(call, row), "text/event-stream", {})
        else:
            self._send(200, _completion(call, row))

    def _fail(self, failure: Failure, call: Call) -> None:
        if failure.kind == "status":
            headers = {"Retry-After": failure.retry_after} if failure.retry_after is not None else {}
            self._refuse(failure.status, failure.message, code=failure.code, headers=headers)
        elif failure.kind == "garbage":
            self._write(200, b"<html>the gateway is having a bad day</html>", "text/html", {})
        elif failure.kind == "malformed":
            self._write(200, b'{"choices": [{"message', "application/json", {})
        elif failure.kind == "no_choices":
            self._send(200, {**_completion(call, Recorded(text="")), "choices": []})
        elif failure.kind == "empty":
            self._send(200, _completion(call, Recorded(text="")))
        elif failure.kind == "reasoning":
            thought = "Let me think about this, and then once more, and"
            self._send(200, _completion(call, Recorded(text="", reasoning=thought, finish="length")))
        elif failure.kind == "slow":
            self.server.replay.closing.wait(failure.seconds)
            self._reply(call)
        elif failure.kind == "stream" or (failure.kind == "stream_only" and call.body.get("stream")):
            self._reply(call, streamed=True)
        elif failure.kind == "stream_only":
            self._refuse(400, "this model only supports streaming")
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
        "choices": [{"index": 0, "message": _message(row), "finish_reason": row.finish or "stop"}],
        "usage": {
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "total_tokens": tokens.prompt + tokens.completion,
            **({"prompt_tokens_details": {"cached_tokens": tokens.cached}} if tokens.cached else {}),
        },
    }


def _message(row: Recorded) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": row.text,
        **({"reasoning_content": row.reasoning} if row.reasoning else {}),
    }


def _events(call: Call, row: Recorded) -> bytes:
    """The completion as server-sent events, the text in two pieces."""
    whole = _completion(call, row)
    choice, middle = whole["choices"][0], len(row.text) // 2
    first = {**choice["message"], "content": row.text[:middle]}
    deltas = [(first, None), ({"content": row.text[middle:]}, choice["finish_reason"])]
    chunks = [
        {**whole, "object": "chat.completion.chunk", "usage": None}
        | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    chunks.append({**whole, "object": "chat.completion.chunk", "choices": []})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
