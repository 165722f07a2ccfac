"""Spans on their way to a collector, by OpenTelemetry's own exporter, so that one that is down holds up nothing."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gristmill.sandbox.errors import UserError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["Sent", "provider_to"]

_REST = 30.0
"""Seconds for which a collector that took nothing is left alone."""


class Sent:
    """How many spans a collector has taken."""

    def __init__(self) -> None:
        self.count = 0


def provider_to(sent: Sent) -> TracerProvider:
    """What makes tracers whose spans go where OpenTelemetry's variables say, and to this machine's collector by itself.

    Raises:
        UserError: the extra `otel` is missing, or a variable asks for what there is not.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise UserError(
            f"--trace needs the package {error.name!r}, which is missing: pip install 'gristmill[otel]'"
        ) from error
    for name, known in (
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
    ):
        if os.environ.get(name, known) != known:
            raise UserError(f"{name}={os.environ[name]}: --trace can send by {known} alone; leave it out")
    # It would log each failure, with addresses; the end of the run tells of them, once.
    log = logging.getLogger("opentelemetry")
    log.handlers, log.propagate = [logging.NullHandler()], False
    named = "OTEL_SERVICE_NAME" in os.environ or SERVICE_NAME in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    try:
        provider = TracerProvider(
            resource=Resource.create({} if named else {SERVICE_NAME: "gristmill"}), shutdown_on_exit=False
        )
        provider.add_span_processor(BatchSpanProcessor(_counting(OTLPSpanExporter(), sent)))
    except ValueError as error:
        raise UserError(f"--trace: a variable OTEL_… cannot be used: {error}") from error
    return provider


def _counting(exporter: SpanExporter, sent: Sent) -> SpanExporter:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Counting(SpanExporter):
        """Counts what is taken, and does not ask again and again where nothing is."""

        def __init__(self) -> None:
            self._again = 0.0

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if time.monotonic() < self._again:
                return SpanExportResult.FAILURE
            try:
                result = exporter.export(spans)
            except Exception:  # noqa: BLE001  # whatever its client raises, the run goes on and the end tells
                result = SpanExportResult.FAILURE
            if result is SpanExportResult.SUCCESS:
                sent.count += len(spans)
            else:
                self._again = time.monotonic() + _REST
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Counting()
