"""`--trace`: what a run does, as spans for an OpenTelemetry collector."""

from __future__ import annotations

__all__: list[str] = []
