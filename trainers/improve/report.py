"""What an improvement, or a recipe's run, came to, for programs. For people there is its page."""

from __future__ import annotations

from pathlib import Path

from gristmill.sandbox.errors import InfrastructureError
from gristmill.sandbox.records import Record

__all__ = ["write_summary"]


def write_summary(summary: Record, folder: Path) -> None:
    """Write ``summary.json`` into a folder, which is made.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InfrastructureError(
            f"cannot write to {folder}: {error.strerror}; what was done so far is kept"
        ) from error
