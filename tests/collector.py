"""A collector of traces on this machine, as OpenTelemetry's exporter calls one: what it is sent is decoded and kept."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Collector"]


class Collector:
    """Takes OTLP over HTTP, while it is entered.

    Args:
        holds: whether it answers nothing before it is left.
    """

    def __init__(self, *, holds: bool = False) -> None:
        self.spans: list[Any] = []
        """OTLP's spans, as they came."""
        self.services: set[str] = set()
        self.raw = b""
        self._release = threading.Event()
        if not holds:
            self._release.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._release.wait()
                collector.raw += body
                request = ExportTraceServiceRequest.FromString(body)
                for each in request.resource_spans:
                    for attribute in each.resource.attributes:
                        if attribute.key == "service.name":
                            collector.services.add(attribute.value.string_value)
                    for scope in each.scope_spans:
                        collector.spans.extend(scope.spans)
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who asked may have gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def names(self) -> list[str]:
        """Of the spans, in the order in which they came."""
        return [span.name for span in self.spans]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()
