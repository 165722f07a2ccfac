"""A collector of traces on this machine, as OpenTelemetry's exporter calls one: what it is sent is decoded and kept."""

from __future__ import annotations

from typing import Any

from tests.listening import Listening

__all__ = ["Collector"]


class Collector(Listening):
    """Takes OTLP over HTTP, while it is entered.

    Args:
        holds: see `Listening`.
    """

    def __init__(self, *, holds: bool = False) -> None:
        super().__init__(path="/v1/traces", holds=holds)
        self.spans: list[Any] = []
        """OTLP's spans, as they came."""
        self.services: set[str] = set()
        self.raw = b""
        self.url = f"http://{self.address}"

    @property
    def names(self) -> list[str]:
        """Of the spans, in the order in which they came."""
        return [span.name for span in self.spans]

    def take(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for each in request.resource_spans:
            for attribute in each.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in each.scope_spans:
                self.spans.extend(scope.spans)
