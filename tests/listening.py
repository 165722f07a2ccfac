"""A server on this machine that takes what is sent to it, for tests of what goes out."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Listening"]


class Listening:
    """Takes what is posted, which `take` hears, while it is entered.

    Args:
        status: what it answers.
        path: the only one that it knows; None: any.
        holds: whether it answers nothing before `release` is set, or it is left.
    """

    def __init__(self, *, status: int = 200, path: str | None = None, holds: bool = False) -> None:
        self.release = threading.Event()
        if not holds:
            self.release.set()
        listening = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listening.release.wait()
                listening.take(body)
                self.send_response(status if path in (self.path, None) else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who asked may have gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def take(self, body: bytes) -> None:
        """Hear what was sent."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
