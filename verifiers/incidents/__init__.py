"""What is known of attempts on a judge, by mechanism: for the owner of a task, and never for a model."""

from __future__ import annotations

__all__: list[str] = []
