"""From a model's reply to a solution: lenient about form, and never an exception."""

from __future__ import annotations

from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task
from pydantic import Field

__all__ = ["Extraction", "entry_points", "extract"]


class Extraction(Record):
    """What was found in a reply."""

    solution: str | None = Field(description="None where nothing usable was found")
    note: str = Field(description="how it was found, or why nothing usable was")


def extract(task: Task, reply: str, *, parent: str | None = None) -> Extraction:
    """The solution inside a raw reply. Never raises; bounded time for replies of any size.

    Args:
        task: what was asked; its kind, tests and `settings` (`prefix`, `template`, `entry_point`) say what to look for.
        reply: raw text of the model, or a bare solution.
        parent: solution of the hypothesis that this one builds on, which a diff in the reply applies to.
    """
    return Extraction(solution=reply, note="bare")


def entry_points(task: Task) -> tuple[str, ...]:
    """Names that the solution must define, as the task's settings and tests declare them; empty for whole programs."""
    return ()
